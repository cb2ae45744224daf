"""The receipt as a page for the paper file, in Vietnamese: HTML and PDF, both offline, with the same facts.

A page proves nothing by itself; it names the receipt by its SHA-256, in letters and as a QR code.

Source: FORMATS "Page for the paper file".
"""
