# What the operator's token may do besides: rotate a KEK and trim its older versions (`nopluu-admin ingest keys`).
path "transit/keys/+"           { capabilities = ["create", "read", "update"] }
path "transit/encrypt/nopluu-*" { capabilities = ["update"] }
path "transit/decrypt/nopluu-*" { capabilities = ["update"] }
path "transit/rewrap/nopluu-*"  { capabilities = ["update"] }
path "transit/keys/+/rotate"    { capabilities = ["update"] }
path "transit/keys/+/config"    { capabilities = ["update"] }
path "transit/keys/+/trim"      { capabilities = ["update"] }
