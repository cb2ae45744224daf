#!/usr/bin/env bash
# Offer an Ed25519 key to the registrar with openssl alone: prints one line to send by official mail, and the key's name
# (kid) on stderr, to be told by telephone. services/FORMATS.md §9 "Key proof".
#
#   key-offer.sh ISSUER KEY.pem agency CODE        the first key of a new client of the agency
#   key-offer.sh ISSUER KEY.pem client_id ID       a further key of a client
#
# ISSUER is auth's origin. A new key: openssl genpkey -algorithm ed25519 -out KEY.pem
set -euo pipefail
[ $# -eq 4 ] || { sed -n '5,6p' "$0" >&2; exit 2; }
issuer=$1 key=$2 party=$3 who=$4
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

x=$(openssl pkey -in "$key" -pubout -outform DER | tail -c 32 | base64url)
jwk=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x")
now=$(date +%s)
header=$(printf '{"alg":"EdDSA","typ":"nopluu-key-proof+jwt","jwk":%s}' "$jwk" | base64url)
claims=$(printf '{"aud":"%s","%s":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
    "$issuer" "$party" "$who" "$now" $((now + 604800)) "$(openssl rand 16 | base64url)" | base64url)
printf '%s.%s' "$header" "$claims" >"$work/to-sign"
printf '%s.%s.%s\n' "$header" "$claims" "$(openssl pkeyutl -sign -inkey "$key" -rawin -in "$work/to-sign" | base64url)"
printf 'kid: %s\n' "$(printf '%s' "$jwk" | openssl dgst -sha256 -binary | base64url)" >&2
