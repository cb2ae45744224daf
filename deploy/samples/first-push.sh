#!/usr/bin/env bash
# A first push with curl, openssl and an Ed25519 key, and nothing of ours installed (python3 reads JSON, nothing else).
#
#   first-push.sh GATEWAY CLIENT_ID KEY.pem MANIFEST.json FILES RECEIPT.json
#
# GATEWAY is ingest's origin. FILES is the folder that the names in the manifest are relative to. A private CA goes into
# CURL_CA_BUNDLE. The formats are in services/FORMATS.md §1 (manifest), §2 (payload) and §9 (token, signature).
set -euo pipefail
[ $# -eq 6 ] || { sed -n '4p' "$0" >&2; exit 2; }
gateway=$1 client=$2 key=$3 manifest=$4 files=$5 receipt=$6
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
sha256() { openssl dgst -sha256 -binary "$@"; }
ed25519() { cat >"$work/to-sign" && openssl pkeyutl -sign -inkey "$key" -rawin -in "$work/to-sign"; }
random() { openssl rand 16 | base64url; }
member() { # NAME.NAME of the JSON on stdin
    python3 -c 'import json,sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."): value = value[name]
print(value)' "$1"
}
call() { # a refusal says on stderr what is wrong and how to mend it
    curl -sS --fail-with-body -o "$work/answer" "$@" && cat "$work/answer" && return
    { cat "$work/answer"; echo; } >&2
    return 1
}

# The key's name: its RFC 7638 thumbprint.
x=$(openssl pkey -in "$key" -pubout -outform DER | tail -c 32 | base64url)
keyid=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" | sha256 | base64url)

# Where the services are, and a token from auth.
call "$gateway/.well-known/nopluu" >"$work/gateway.json"
ingest=$(member origins.ingest <"$work/gateway.json")
auth=$(member origins.auth <"$work/gateway.json")
call "$auth/.well-known/oauth-authorization-server" >"$work/auth.json"
now=$(date +%s)
header=$(printf '{"alg":"EdDSA","kid":"%s","typ":"JWT"}' "$keyid" | base64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
    "$client" "$client" "$(member issuer <"$work/auth.json")" "$now" $((now + 120)) "$(random)" | base64url)
assertion=$header.$claims.$(printf '%s.%s' "$header" "$claims" | ed25519 | base64url)
call "$(member token_endpoint <"$work/auth.json")" \
    --data-urlencode grant_type=client_credentials \
    --data-urlencode client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
    --data-urlencode client_assertion="$assertion" >"$work/token.json"
token=$(member access_token <"$work/token.json")

signed() { # METHOD URL [FILE CONTENT-TYPE]: a request signed as RFC 9421 says, with a nonce of its own
    local method=$1 url=$2 file=${3-} type=${4-} now names base params more=()
    now=$(date +%s)
    names='"@method" "@target-uri" "authorization"'
    base="\"@method\": $method"$'\n'"\"@target-uri\": $url"$'\n'"\"authorization\": Bearer $token"
    if [ -n "$file" ]; then
        local length digest
        length=$(($(wc -c <"$file")))
        digest="sha-256=:$(sha256 "$file" | openssl base64 -A):"
        names+=' "content-type" "content-length" "content-digest"'
        base+=$'\n'"\"content-type\": $type"$'\n'"\"content-length\": $length"$'\n'"\"content-digest\": $digest"
        more=(-H "Content-Type: $type" -H "Content-Digest: $digest" --data-binary "@$file")
    fi
    params="($names);created=$now;expires=$((now + 120));nonce=\"$(random)\";keyid=\"$keyid\";tag=\"nopluu/1\""
    call -X "$method" "$url" -H "Authorization: Bearer $token" -H "Signature-Input: nopluu=$params" \
        ${more[@]+"${more[@]}"} \
        -H "Signature: nopluu=:$(printf '%s\n"@signature-params": %s' "$base" "$params" | ed25519 | openssl base64 -A):"
}

# 1. Declare. Everything that is wrong is said now, before a byte of content moves.
part_size=$((8 * 1024 * 1024))
signed POST "$ingest/v1/packages?part_size=$part_size" "$manifest" application/json >"$work/declared.json"
package=$(member package <"$work/declared.json")

# 2. Send: the components in the manifest's order, one after the other, cut every part_size bytes.
python3 -c 'import json,sys
for document in json.load(sys.stdin)["documents"]:
    for component in document["components"]: print(component["name"])' <"$manifest" |
    while IFS= read -r name; do cat "$files/$name"; done >"$work/payload"
[ "$(($(wc -c <"$work/payload")))" = "$(member payload_size <"$work/declared.json")" ] ||
    { echo "Not every document is admitted, see \"not_planned\":" >&2; cat "$work/declared.json" >&2; exit 1; }
split -a 5 -b "$part_size" "$work/payload" "$work/part-"
number=0
for part in "$work"/part-*; do
    [ -s "$part" ] || continue
    signed PUT "$ingest/v1/packages/$package/parts/$number" "$part" application/octet-stream >/dev/null
    number=$((number + 1))
done

# 3. Fetch the receipt; 202 says that it is not there yet.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    signed GET "$ingest/v1/packages/$package/receipt?wait=30" >"$work/receipt.json"
    if grep -q '"format":"nopluu/receipt1"' "$work/receipt.json"; then
        mv "$work/receipt.json" "$receipt"
        echo "$package"
        exit 0
    fi
done
echo "No receipt yet; GET $ingest/v1/packages/$package tells the state." >&2
exit 1
