# What the service may do: make a KEK on first use, look at it, wrap, open, re-wrap. It can neither rotate, configure, trim
# nor export: `+` is one segment, so `keys/NAME/rotate` is another path, and what no line allows is denied.
path "transit/keys/+"           { capabilities = ["create", "read", "update"] }
path "transit/encrypt/nopluu-*" { capabilities = ["update"] }
path "transit/decrypt/nopluu-*" { capabilities = ["update"] }
path "transit/rewrap/nopluu-*"  { capabilities = ["update"] }
