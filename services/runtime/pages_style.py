"""The style sheet of the pages a service shows of itself."""

from typing import Final

STYLE: Final = """\
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0b6bcb; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
nav { border-bottom: 1px solid var(--line); padding: .6rem 1.5rem; }
nav a { margin-right: 1.2rem; }
a { color: var(--accent); }
code, pre { font: .9em/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; }
summary code { font-weight: 600; }
.method { display: inline-block; min-width: 5.4rem; font-weight: 700; color: var(--accent); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-top: 1px solid var(--line); }
th { font-weight: 600; }
article { border-top: 1px solid var(--line); padding: .6rem 0; }
article:target { outline: 2px solid var(--accent); }
"""
