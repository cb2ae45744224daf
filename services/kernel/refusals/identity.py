"""Refusals about who asks: request signatures, access tokens, client assertions, and the registry of agencies and keys.

Codes that begin with `signature-created`, `signature-expire`, `assertion-issued`, `assertion-expire` and
`assertion-not-yet` mean that two clocks differ: a client may correct itself by the `Date` of the answer. Codes that
begin with `token-` and answer 401 mean that the token is stale: a client fetches another one. Those prefixes are part
of the protocol.

Source: DESIGN 6; RFC 9421, RFC 9068, RFC 7523, RFC 6749 §5.2; usability notes A (one code a cause).
"""

from __future__ import annotations

from typing import ClassVar

from services.kernel.refusals.registry import Refusal, Text

_SIGN_AGAIN = Text(
    "Ký lại theo hồ sơ nopluu/1; xem Accept-Signature và /.well-known/nopluu.",
    "Sign again under the profile nopluu/1; see Accept-Signature and /.well-known/nopluu.",
)
_SET_CLOCK = Text(
    "Chỉnh giờ máy (NTP) hoặc bù theo trường Date của câu trả lời, rồi ký lại.",
    "Set the clock (NTP), or correct by the answer's Date field, then sign again.",
)
_NEW_TOKEN = Text("Lấy token mới tại điểm cấp token rồi gửi lại.", "Fetch a new token and send again.")

# --- the request's signature -----------------------------------------------------------------------------------------


class SignatureMissing(Refusal):
    code = "signature-missing"
    status = 401
    title = Text("Yêu cầu chưa được ký", "The request is not signed")
    detail = Text(
        "Thiếu trường Signature-Input hoặc Signature (RFC 9421).",
        "The field Signature-Input or Signature (RFC 9421) is missing.",
    )
    fix = _SIGN_AGAIN


class SignatureMalformed(Refusal):
    code = "signature-malformed"
    status = 401
    title = Text("Không đọc được chữ ký", "The signature fields cannot be read")
    detail = Text(
        "Signature-Input hoặc Signature không đúng cú pháp, trùng nhãn, hoặc hai trường không cùng nhãn.",
        "Signature-Input or Signature breaks its syntax, repeats a label, or the two do not have the same labels.",
    )
    fix = _SIGN_AGAIN


class SignatureTagMissing(Refusal):
    code = "signature-tag-missing"
    status = 401
    title = Text("Không có chữ ký theo hồ sơ nopluu/1", "No signature has the tag nopluu/1")
    detail = Text('Không chữ ký nào mang tham số tag="nopluu/1".', 'No signature carries the parameter tag="nopluu/1".')
    fix = _SIGN_AGAIN


class SignatureAmbiguous(Refusal):
    code = "signature-ambiguous"
    status = 401
    title = Text("Có nhiều chữ ký", "More than one signature")
    detail = Text("Chỉ được có đúng một chữ ký mang tag nopluu/1.", "Exactly one signature may carry the tag nopluu/1.")
    fix = _SIGN_AGAIN


class SignatureParameterMissing(Refusal):
    code = "signature-parameter-missing"
    status = 401
    title = Text("Chữ ký thiếu tham số", "The signature lacks a parameter")
    detail = Text("Thiếu tham số {parameter}.", "The parameter {parameter} is missing.")
    fix = _SIGN_AGAIN


class SignatureParameterInvalid(Refusal):
    code = "signature-parameter-invalid"
    status = 401
    title = Text("Tham số của chữ ký không hợp lệ", "A parameter of the signature is not valid")
    detail = Text(
        "Tham số {parameter} sai kiểu, sai dạng hoặc không thuộc hồ sơ.",
        "The parameter {parameter} has the wrong type or form, or is not of the profile.",
    )
    fix = _SIGN_AGAIN


class SignatureComponentMissing(Refusal):
    code = "signature-component-missing"
    status = 401
    title = Text("Chữ ký không bao phủ đủ thành phần", "The signature does not cover enough")
    detail = Text("Chữ ký phải bao phủ {component}.", "The signature must cover {component}.")
    fix = _SIGN_AGAIN


class SignatureComponentRefused(Refusal):
    code = "signature-component-refused"
    status = 401
    title = Text("Chữ ký bao phủ thành phần không được nhận", "The signature covers what the profile does not take")
    detail = Text(
        "Thành phần thứ {position} (tính từ 0) có tham số, lặp lại, hoặc không phải thành phần được nhận.",
        "Component {position} (counted from 0) has parameters, is repeated, or is none that is taken.",
    )
    fix = _SIGN_AGAIN


class SignatureFieldAmbiguous(Refusal):
    code = "signature-field-ambiguous"
    status = 401
    title = Text("Trường được ký phải có đúng một lần", "A signed field must stand exactly once")
    detail = Text(
        "Trường {component} có {count} lần trong yêu cầu, hoặc chứa ký tự ngoài ASCII.",
        "The field {component} stands {count} times in the request, or holds other than ASCII characters.",
    )
    fix = Text(
        "Gửi mỗi trường được ký đúng một lần; kiểm tra proxy ở giữa.",
        "Send each signed field exactly once; check any proxy in between.",
    )


class SignatureCreatedAhead(Refusal):
    code = "signature-created-ahead"
    status = 401
    title = Text("Chữ ký có giờ ở tương lai", "The signature is from the future")
    detail = Text(
        "created sớm hơn giờ máy chủ {skew} giây; máy chủ đang là {server_time}; cho phép tối đa 10 giây.",
        "created lies {skew} s ahead of the server's clock, which shows {server_time}; at most 10 s are allowed.",
    )
    fix = _SET_CLOCK


class SignatureExpired(Refusal):
    code = "signature-expired"
    status = 401
    title = Text("Chữ ký đã hết hạn", "The signature has expired")
    detail = Text(
        "expires đã qua {skew} giây; máy chủ đang là {server_time}.",
        "expires passed {skew} s ago; the server's clock shows {server_time}.",
    )
    fix = _SET_CLOCK


class SignatureLifetimeWrong(Refusal):
    code = "signature-lifetime-wrong"
    status = 401
    title = Text("Thời hạn của chữ ký không hợp lệ", "The signature's lifetime is not allowed")
    detail = Text(
        "Từ created đến expires là {lifetime} giây; phải từ 1 đến {limit} giây.",
        "From created to expires are {lifetime} s; it must be 1 to {limit} s.",
    )
    fix = _SIGN_AGAIN


class SignatureNonceWeak(Refusal):
    code = "signature-nonce-weak"
    status = 401
    title = Text("Nonce quá ngắn", "The nonce is too short")
    detail = Text(
        "nonce phải mang ít nhất 128 bit ngẫu nhiên: 22 đến 128 ký tự A-Z a-z 0-9 - _ . ~ + / = (32 nếu là hex).",
        "The nonce must carry at least 128 random bits: 22 to 128 of A-Z a-z 0-9 - _ . ~ + / = (32 if hexadecimal).",
    )
    fix = Text("Dùng 16 byte ngẫu nhiên mới cho mỗi yêu cầu.", "Use 16 new random bytes for every request.")


class SignatureAlgorithmMismatch(Refusal):
    code = "signature-algorithm-mismatch"
    status = 401
    title = Text("Thuật toán không thuộc khóa", "The algorithm does not belong to the key")
    detail = Text(
        "Tham số alg khác với thuật toán của khóa đã đăng ký ({algorithm}).",
        "The parameter alg is not the algorithm of the registered key ({algorithm}).",
    )
    fix = Text("Bỏ tham số alg, hoặc ghi đúng thuật toán.", "Leave alg out, or state the right one.")


class SignatureKeyMismatch(Refusal):
    code = "signature-key-mismatch"
    status = 401
    title = Text("Yêu cầu ký bằng khóa khác với token", "The request is signed with another key than the token's")
    detail = Text(
        "keyid phải là thumbprint RFC 7638 của khóa đã dùng để lấy token.",
        "keyid must be the RFC 7638 thumbprint of the key that obtained the token.",
    )
    fix = Text("Ký yêu cầu bằng chính khóa đã lấy token.", "Sign with the same key that obtained the token.")


class SignatureDerEncoded(Refusal):
    code = "signature-der-encoded"
    status = 401
    title = Text("Chữ ký ECDSA ở dạng DER", "The ECDSA signature is DER-encoded")
    detail = Text(
        "Chữ ký ecdsa-p256-sha256 phải là 64 byte r‖s, không phải ASN.1 DER.",
        "An ecdsa-p256-sha256 signature must be the 64 bytes r‖s, not ASN.1 DER.",
    )
    fix = Text(
        "Đổi DER sang r‖s (IEEE P1363), hoặc dùng khóa Ed25519.",
        "Convert DER to r‖s (IEEE P1363), or use an Ed25519 key.",
    )


class SignatureInvalid(Refusal):
    code = "signature-invalid"
    status = 401
    title = Text("Chữ ký không khớp", "The signature does not verify")
    detail = Text(
        "Chữ ký không đúng với yêu cầu nhận được.", "The signature does not verify over the request as it arrived."
    )
    fix = Text(
        "So lại chuỗi được ký: phương thức, địa chỉ đầy đủ đúng như gửi, authorization và các trường nội dung.",
        "Compare the signature base: method, full target URI exactly as sent, authorization and the content fields.",
    )


class TargetRefused(Refusal):
    code = "target-uri-refused"
    status = 400
    title = Text("Địa chỉ yêu cầu không được nhận", "The request target is not taken")
    detail = Text(
        "Địa chỉ có %2f, %5c, dấu gạch ngược, đoạn '.' hoặc '..', ký tự ngoài ASCII, hoặc lặp tham số truy vấn.",
        "The target holds %2f, %5c, a backslash, a '.' or '..' segment, other than ASCII, or repeats a query parameter.",
    )
    fix = Text("Dùng địa chỉ đúng như tài liệu API.", "Use the address as the API documents give it.")


class RequestReplayed(Refusal):
    code = "request-replayed"
    status = 409
    title = Text("Yêu cầu này đã được nhận", "This very request was received before")
    detail = Text(
        "nonce của chữ ký đã được dùng; yêu cầu lặp lại không có tác dụng lần thứ hai.",
        "The signature's nonce was used before; a repeated request has no second effect.",
    )
    fix = Text("Muốn gửi lại thì ký lại với nonce mới.", "To send again, sign again with a new nonce.")


# --- the content that the signature states ---------------------------------------------------------------------------


class ContentDigestMalformed(Refusal):
    code = "content-digest-malformed"
    status = 400
    title = Text("Không đọc được Content-Digest", "Content-Digest cannot be read")
    detail = Text(
        "Content-Digest phải là đúng một sha-256=:…: (RFC 9530).",
        "Content-Digest must be exactly one sha-256=:…: (RFC 9530).",
    )
    fix = Text("Ghi SHA-256 của nội dung bằng base64 có đệm.", "State the content's SHA-256 in padded base64.")


class ContentDigestMismatch(Refusal):
    code = "content-digest-mismatch"
    status = 422
    title = Text("Nội dung không khớp Content-Digest", "The content does not match Content-Digest")
    detail = Text(
        "SHA-256 của nội dung nhận được khác với giá trị đã ký.",
        "The SHA-256 of the bytes received is not the signed one.",
    )
    fix = Text(
        "Gửi đúng những byte đã băm; không nén, không mã hóa lại.",
        "Send exactly the bytes that were hashed; do not compress or re-encode them.",
    )


class ContentLengthMissing(Refusal):
    code = "content-length-missing"
    status = 411
    title = Text("Thiếu Content-Length", "Content-Length is missing")
    detail = Text(
        "Yêu cầu có nội dung phải có một Content-Length bằng chữ số thập phân.",
        "A request with content must have one Content-Length in decimal digits.",
    )
    fix = Text("Gửi Content-Length và ký nó.", "Send Content-Length and sign it.")


class ContentLengthMismatch(Refusal):
    code = "content-length-mismatch"
    status = 400
    title = Text("Nội dung dài khác Content-Length", "The content has another length than Content-Length")
    detail = Text("Đã ký {stated} byte, nhận {received} byte.", "{stated} bytes were signed, {received} arrived.")
    fix = Text("Gửi lại, ký lại.", "Sign and send again.")
    retryable = True


# --- the access token ------------------------------------------------------------------------------------------------


class TokenMissing(Refusal):
    code = "token-missing"
    status = 401
    title = Text("Thiếu token truy cập", "The access token is missing")
    detail = Text("Cần đúng một trường Authorization: Bearer.", "Exactly one field Authorization: Bearer is needed.")
    fix = _NEW_TOKEN


class TokenMalformed(Refusal):
    code = "token-malformed"
    status = 401
    title = Text("Không đọc được token", "The token cannot be read")
    detail = Text(
        "Token không phải JWS dạng gọn với đúng các mục alg, typ at+jwt và kid.",
        "The token is no compact JWS with exactly alg, typ at+jwt and kid.",
    )
    fix = _NEW_TOKEN


class TokenAlgorithmRefused(Refusal):
    code = "token-algorithm-refused"
    status = 401
    title = Text("Thuật toán của token không được nhận", "The token's algorithm is not taken")
    detail = Text("Token phải ký bằng ES256.", "A token must be signed with ES256.")
    fix = _NEW_TOKEN


class TokenKeyUnknown(Refusal):
    code = "token-key-unknown"
    status = 401
    title = Text("Không biết khóa đã ký token", "The key that signed the token is unknown")
    detail = Text(
        "Khóa nêu ở kid không nằm trong bộ khóa hiện hành của máy chủ cấp token.",
        "The key named by kid is not among the authorization server's current keys.",
    )
    fix = _NEW_TOKEN


class TokenSignatureInvalid(Refusal):
    code = "token-signature-invalid"
    status = 401
    title = Text("Chữ ký của token không đúng", "The token's signature does not verify")
    detail = Text("Token bị sửa hoặc không do máy chủ này cấp.", "The token was altered or not issued here.")
    fix = _NEW_TOKEN


class TokenClaimInvalid(Refusal):
    code = "token-claim-invalid"
    status = 401
    title = Text("Nội dung token không hợp lệ", "A claim of the token is not valid")
    detail = Text("Mục {claim} thiếu hoặc sai dạng.", "The claim {claim} is missing or malformed.")
    fix = _NEW_TOKEN


class TokenIssuerMismatch(Refusal):
    code = "token-issuer-mismatch"
    status = 401
    title = Text("Token do nơi khác cấp", "Another server issued the token")
    detail = Text("Mục iss không phải máy chủ cấp token của hệ thống này.", "iss is not this deployment's issuer.")
    fix = _NEW_TOKEN


class TokenAudienceMismatch(Refusal):
    code = "token-audience-mismatch"
    status = 401
    title = Text("Token dành cho nơi khác", "The token is meant for another deployment")
    detail = Text("Mục aud không phải hệ thống này.", "aud is not this deployment.")
    fix = _NEW_TOKEN


class TokenExpired(Refusal):
    code = "token-expired"
    status = 401
    title = Text("Token đã hết hạn", "The token has expired")
    detail = Text(
        "Token hết hạn {skew} giây trước; máy chủ đang là {server_time}.",
        "The token expired {skew} s ago; the server's clock shows {server_time}.",
    )
    fix = _NEW_TOKEN


class TokenNotYetValid(Refusal):
    code = "token-not-yet-valid"
    status = 401
    title = Text("Token chưa có hiệu lực", "The token is not valid yet")
    detail = Text(
        "Giờ cấp của token sớm hơn giờ máy chủ {skew} giây; máy chủ đang là {server_time}.",
        "The token was issued {skew} s ahead of the server's clock, which shows {server_time}.",
    )
    fix = _NEW_TOKEN


class TokenCertificateMismatch(Refusal):
    code = "token-certificate-mismatch"
    status = 401
    title = Text("Token gắn với chứng thư khác", "The token is bound to another certificate")
    detail = Text(
        "Chứng thư TLS của kết nối không phải chứng thư đã dùng để lấy token.",
        "The connection's client certificate is not the one that obtained the token.",
    )
    fix = Text(
        "Dùng cùng một chứng thư khi lấy token và khi gửi.", "Use the same certificate to obtain the token and to send."
    )


class TokenKeysUnavailable(Refusal):
    code = "token-keys-unavailable"
    status = 503
    title = Text("Chưa kiểm tra được token", "Tokens cannot be checked now")
    detail = Text(
        "Chưa đọc được bộ khóa của máy chủ cấp token.", "The authorization server's keys could not be read yet."
    )
    fix = Text("Thử lại sau ít giây.", "Try again in a few seconds.")
    retryable = True


class KeyRevoked(Refusal):
    code = "key-revoked"
    status = 401
    title = Text("Khóa hoặc tài khoản đã bị thu hồi", "The key or the client is revoked")
    detail = Text(
        "Khóa đã ký yêu cầu, hoặc tài khoản của nó, không còn được dùng.",
        "The key that signed the request, or its client, may no longer be used.",
    )
    fix = Text("Liên hệ lưu trữ lịch sử để đăng ký khóa mới.", "Ask the archive to register a new key.")


class ScopeMissing(Refusal):
    code = "scope-missing"
    status = 403
    title = Text("Tài khoản không có quyền này", "The client does not have this role")
    detail = Text("Cần một trong các quyền: {scopes}.", "One of these scopes is needed: {scopes}.")
    fix = Text("Dùng tài khoản có quyền, hoặc đề nghị cấp quyền.", "Use a client that has it, or ask for it.")


# --- the token endpoint ----------------------------------------------------------------------------------------------


class GrantRefusal(Refusal):
    """A token request that is refused; `error` is its RFC 6749 §5.2 name."""

    error: ClassVar[str]


class GrantRequestMalformed(GrantRefusal):
    code = "oauth-request-malformed"
    status = 400
    error = "invalid_request"
    title = Text("Yêu cầu cấp token sai dạng", "The token request is malformed")
    detail = Text(
        "Nội dung phải là application/x-www-form-urlencoded, mỗi tham số một lần; sai ở {parameter}.",
        "The content must be application/x-www-form-urlencoded with each parameter once; wrong at {parameter}.",
    )
    fix = Text("Gửi lại theo tài liệu của /v1/token.", "Send again as /v1/token is documented.")


class GrantTypeUnsupported(GrantRefusal):
    code = "oauth-grant-type-unsupported"
    status = 400
    error = "unsupported_grant_type"
    title = Text("Loại cấp phép không được hỗ trợ", "The grant type is not supported")
    detail = Text("Chỉ nhận grant_type=client_credentials.", "Only grant_type=client_credentials is taken.")
    fix = Text("Dùng client_credentials.", "Use client_credentials.")


class GrantScopeRefused(GrantRefusal):
    code = "oauth-scope-refused"
    status = 400
    error = "invalid_scope"
    title = Text("Quyền yêu cầu không được cấp", "A scope asked for is not granted")
    detail = Text(
        "scope có quyền mà tài khoản này không có, hoặc sai dạng.",
        "scope names one that this client does not have, or is malformed.",
    )
    fix = Text(
        "Bỏ tham số scope để nhận mọi quyền của tài khoản.", "Leave scope out to receive all the client's scopes."
    )


class AssertionMissing(GrantRefusal):
    code = "assertion-missing"
    status = 401
    error = "invalid_client"
    title = Text("Thiếu chứng minh tài khoản", "The client assertion is missing")
    detail = Text(
        "Cần client_assertion và client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
        "client_assertion and client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer are needed.",
    )
    fix = Text("Dùng private_key_jwt (RFC 7523).", "Use private_key_jwt (RFC 7523).")


class AssertionMalformed(GrantRefusal):
    code = "assertion-malformed"
    status = 401
    error = "invalid_client"
    title = Text("Không đọc được chứng minh tài khoản", "The client assertion cannot be read")
    detail = Text(
        "Phải là JWS dạng gọn, JSON không trùng mục, base64url chuẩn, tối đa {limit} byte.",
        "It must be a compact JWS, JSON without duplicate members, canonical base64url, at most {limit} bytes.",
    )
    fix = Text("Lập lại bằng thư viện JWT thông dụng.", "Make it again with a common JWT library.")


class AssertionHeaderRefused(GrantRefusal):
    code = "assertion-header-refused"
    status = 401
    error = "invalid_client"
    title = Text("Phần đầu của JWT không được nhận", "The assertion's header is not taken")
    detail = Text(
        "Phần đầu chỉ được có alg, kid và typ (JWT hoặc client-authentication+jwt).",
        "The header may hold only alg, kid and typ (JWT or client-authentication+jwt).",
    )
    fix = Text(
        "Bỏ các mục khác; kid là thumbprint RFC 7638 của khóa.", "Drop others; kid is the key's RFC 7638 thumbprint."
    )


class AssertionAlgorithmRefused(GrantRefusal):
    code = "assertion-algorithm-refused"
    status = 401
    error = "invalid_client"
    title = Text("Thuật toán của JWT không được nhận", "The assertion's algorithm is not taken")
    detail = Text(
        "alg phải là thuật toán của khóa đã đăng ký: EdDSA (Ed25519) hoặc ES256 (P-256).",
        "alg must be that of the registered key: EdDSA (Ed25519) or ES256 (P-256).",
    )
    fix = Text("Ký bằng đúng khóa và thuật toán.", "Sign with the right key and algorithm.")


class AssertionKeyUnknown(GrantRefusal):
    code = "assertion-key-unknown"
    status = 401
    error = "invalid_client"
    title = Text("Không có khóa này cho tài khoản này", "The client has no such key")
    detail = Text(
        "Không có tài khoản đang hoạt động với khóa nêu ở kid còn hiệu lực.",
        "There is no active client with a valid key as named by kid.",
    )
    fix = Text(
        "Kiểm tra mã tài khoản và thumbprint của khóa; khóa có thể đã hết hạn hoặc bị thu hồi.",
        "Check the client id and the key's thumbprint; the key may have ended or been revoked.",
    )


class AssertionDerEncoded(GrantRefusal):
    code = "assertion-signature-der-encoded"
    status = 401
    error = "invalid_client"
    title = Text("Chữ ký ES256 ở dạng DER", "The ES256 signature is DER-encoded")
    detail = Text(
        "Chữ ký ES256 của JWT phải là 64 byte r‖s (RFC 7518 §3.4), không phải ASN.1 DER.",
        "An ES256 signature must be the 64 bytes r‖s (RFC 7518 §3.4), not ASN.1 DER.",
    )
    fix = Text("Đổi DER sang r‖s, hoặc dùng khóa Ed25519.", "Convert DER to r‖s, or use an Ed25519 key.")


class AssertionSignatureInvalid(GrantRefusal):
    code = "assertion-signature-invalid"
    status = 401
    error = "invalid_client"
    title = Text("Chữ ký của JWT không đúng", "The assertion's signature does not verify")
    detail = Text("Chữ ký không đúng với khóa nêu ở kid.", "The signature is not one by the key that kid names.")
    fix = Text("Ký lại bằng khóa riêng của chính khóa đó.", "Sign again with that key's private half.")


class AssertionClaimInvalid(GrantRefusal):
    code = "assertion-claim-invalid"
    status = 401
    error = "invalid_client"
    title = Text("Nội dung JWT không hợp lệ", "A claim of the assertion is not valid")
    detail = Text("Mục {claim} thiếu hoặc sai dạng.", "The claim {claim} is missing or malformed.")
    fix = Text(
        "Cần iss, sub, aud, iat, exp là số nguyên giây, và jti.",
        "iss, sub, aud, iat and exp in whole seconds, and jti are needed.",
    )


class AssertionSubjectMismatch(GrantRefusal):
    code = "assertion-subject-mismatch"
    status = 401
    error = "invalid_client"
    title = Text("iss và sub phải cùng là mã tài khoản", "iss and sub must both be the client id")
    detail = Text("iss, sub (và client_id nếu gửi) khác nhau.", "iss, sub (and client_id if sent) differ.")
    fix = Text("Ghi mã tài khoản vào cả iss và sub.", "Put the client id into both iss and sub.")


class AssertionAudienceMismatch(GrantRefusal):
    code = "assertion-audience-mismatch"
    status = 401
    error = "invalid_client"
    title = Text("aud không phải nơi cấp token này", "aud is not this issuer")
    detail = Text(
        "aud phải là đúng một chuỗi: {issuer}.",
        "aud must be exactly one string: {issuer}.",
    )
    fix = Text(
        "Lấy issuer từ /.well-known/oauth-authorization-server; không dùng địa chỉ /v1/token, không dùng mảng.",
        "Take issuer from /.well-known/oauth-authorization-server; not the address of /v1/token, not an array.",
    )


class AssertionExpired(GrantRefusal):
    code = "assertion-expired"
    status = 401
    error = "invalid_client"
    title = Text("JWT đã hết hạn", "The assertion has expired")
    detail = Text(
        "exp đã qua {skew} giây; máy chủ đang là {server_time}.",
        "exp passed {skew} s ago; the server's clock shows {server_time}.",
    )
    fix = _SET_CLOCK


class AssertionIssuedAhead(GrantRefusal):
    code = "assertion-issued-ahead"
    status = 401
    error = "invalid_client"
    title = Text("JWT có giờ cấp ở tương lai", "The assertion was issued in the future")
    detail = Text(
        "iat sớm hơn giờ máy chủ {skew} giây; máy chủ đang là {server_time}; cho phép tối đa 10 giây.",
        "iat lies {skew} s ahead of the server's clock, which shows {server_time}; at most 10 s are allowed.",
    )
    fix = _SET_CLOCK


class AssertionNotYetValid(GrantRefusal):
    code = "assertion-not-yet-valid"
    status = 401
    error = "invalid_client"
    title = Text("JWT chưa có hiệu lực", "The assertion is not valid yet")
    detail = Text(
        "nbf sớm hơn giờ máy chủ {skew} giây; máy chủ đang là {server_time}; cho phép tối đa 10 giây.",
        "nbf lies {skew} s ahead of the server's clock, which shows {server_time}; at most 10 s are allowed.",
    )
    fix = _SET_CLOCK


class AssertionLifetimeWrong(GrantRefusal):
    code = "assertion-lifetime-wrong"
    status = 401
    error = "invalid_client"
    title = Text("Thời hạn của JWT không hợp lệ", "The assertion's lifetime is not allowed")
    detail = Text(
        "Từ iat đến exp là {lifetime} giây; phải từ 1 đến {limit} giây.",
        "From iat to exp are {lifetime} s; it must be 1 to {limit} s.",
    )
    fix = Text("Đặt exp trong vòng {limit} giây từ iat.", "Put exp within {limit} s of iat.")


class AssertionReplayed(GrantRefusal):
    code = "assertion-replayed"
    status = 401
    error = "invalid_client"
    title = Text("JWT này đã được dùng", "The assertion was used before")
    detail = Text("Mỗi jti chỉ dùng được một lần.", "Each jti may be used once.")
    fix = Text("Lập JWT mới với jti mới.", "Make a new assertion with a new jti.")


# --- the registrar's records -----------------------------------------------------------------------------------------


class AgencyUnknown(Refusal):
    code = "agency-unknown"
    status = 404
    title = Text("Không có cơ quan này", "No such agency")
    detail = Text("Không có cơ quan mang mã này.", "No agency has this id.")
    fix = Text("Xem danh sách tại GET /v1/agencies.", "See the list at GET /v1/agencies.")


class AgencyCodeInvalid(Refusal):
    code = "agency-code-invalid"
    status = 422
    title = Text("Mã định danh cơ quan không hợp lệ", "The agency code is not valid")
    detail = Text(
        "Mã phải theo QCVN 102:2016 (000.00.47.A47) hoặc QĐ 20/2020/QĐ-TTg (H47.12).",
        "The code must follow QCVN 102:2016 (000.00.47.A47) or Decision 20/2020/QĐ-TTg (H47.12).",
    )
    fix = Text("Kiểm tra lại mã định danh điện tử.", "Check the electronic identification code.")


class AgencyCodeTaken(Refusal):
    code = "agency-code-taken"
    status = 409
    title = Text("Mã định danh đã thuộc cơ quan khác", "The agency code belongs to another agency")
    detail = Text(
        "Trong thời gian đó mã đã được đăng ký cho một cơ quan khác.",
        "The code is registered for another agency in that time.",
    )
    fix = Text("Kết thúc mã cũ trước, hoặc kiểm tra lại mã.", "End the earlier one first, or check the code.")


class ValidityInvalid(Refusal):
    code = "validity-window-invalid"
    status = 422
    title = Text("Khoảng thời gian không hợp lệ", "The period is not valid")
    detail = Text("Thời điểm kết thúc phải sau thời điểm bắt đầu.", "The end must lie after the beginning.")
    fix = Text("Sửa thời điểm bắt đầu hoặc kết thúc.", "Mend the beginning or the end.")


class SuccessionInvalid(Refusal):
    code = "succession-invalid"
    status = 422
    title = Text("Quan hệ kế thừa không hợp lệ", "The succession is not valid")
    detail = Text(
        "Một cơ quan không thể kế thừa chính mình hoặc cơ quan kế thừa mình.",
        "An agency cannot succeed itself or one that succeeds it.",
    )
    fix = Text("Kiểm tra lại hai cơ quan và chiều kế thừa.", "Check the two agencies and their order.")


class SuccessionPartiesInvalid(Refusal):
    code = "succession-parties-invalid"
    status = 422
    title = Text("Các bên của việc sắp xếp không hợp lệ", "The parties do not make an event of this kind")
    detail = Text(
        "merge: một cơ quan kế thừa; split: một cơ quan cũ, từ hai cơ quan kế thừa; detach, dissolve: một cơ quan cũ; "
        "không cơ quan nào được nêu hai lần hoặc ở cả hai bên.",
        "merge: one successor; split: one predecessor and two successors or more; detach, dissolve: one predecessor; "
        "no agency may be named twice or on both sides.",
    )
    fix = Text(
        "Cơ quan chỉ đổi tên thì dùng POST /v1/agencies/…/rename.",
        "For a body that only changes its name use POST /v1/agencies/…/rename.",
    )


class SuccessionTaken(Refusal):
    code = "succession-recorded-otherwise"
    status = 409
    title = Text("Việc kế thừa đã ghi khác", "The succession is recorded otherwise")
    detail = Text(
        "Giữa hai cơ quan này, ngày này, đã ghi một việc kế thừa với loại hoặc văn bản khác.",
        "Between these two agencies a succession of that day is recorded with another kind or instrument.",
    )
    fix = Text("Xem GET /v1/agencies/…/history.", "See GET /v1/agencies/…/history.")


class AgencyDatesInvalid(Refusal):
    code = "agency-dates-invalid"
    status = 422
    title = Text("Ngày không hợp với lịch sử của cơ quan", "The day does not fit the agency's life")
    detail = Text(
        "Ngày {day} nằm ngoài thời gian tồn tại của một cơ quan có liên quan, hoặc trước một việc đã ghi.",
        "The day {day} lies outside the life of an agency concerned, or before something that is recorded of it.",
    )
    fix = Text("Xem GET /v1/agencies/…/history.", "See GET /v1/agencies/…/history.")


class AgencyEnded(Refusal):
    code = "agency-ended"
    status = 409
    title = Text("Cơ quan đã kết thúc hoạt động", "The agency has ended")
    detail = Text(
        "Cơ quan đã được ghi kết thúc từ ngày {ended_on}; điều đã ghi không sửa lại.",
        "The agency is recorded as ended from {ended_on} on; what is recorded is not changed.",
    )
    fix = Text("Xem GET /v1/agencies/…/history.", "See GET /v1/agencies/…/history.")


class AgencyNameTaken(Refusal):
    code = "agency-renamed-otherwise"
    status = 409
    title = Text("Ngày này đã ghi một tên khác", "Another name is recorded for that day")
    detail = Text(
        "Mỗi ngày một cơ quan chỉ có một tên; điều đã ghi không sửa lại.",
        "An agency has one name a day; what is recorded is not changed.",
    )
    fix = Text("Xem GET /v1/agencies/…/history.", "See GET /v1/agencies/…/history.")


class AgencyCodeUnknown(Refusal):
    code = "agency-code-unknown"
    status = 404
    title = Text("Cơ quan không có mã này", "The agency has no such code")
    detail = Text(
        "Không có mã này của cơ quan còn hiệu lực vào ngày đó.", "The agency has no such code that holds on that day."
    )
    fix = Text("Xem GET /v1/agencies/…/history.", "See GET /v1/agencies/…/history.")


class DepositSourceUnknown(Refusal):
    code = "deposit-source-unknown"
    status = 404
    title = Text("Không có nguồn nộp lưu này", "No such deposit source")
    detail = Text("Không có mục nào mang mã này.", "No entry of the list has this id.")
    fix = Text("Xem GET /v1/deposit-sources.", "See GET /v1/deposit-sources.")


class DepositSourceTaken(Refusal):
    code = "deposit-source-taken"
    status = 409
    title = Text("Nguồn nộp lưu đã có trong danh mục", "The deposit source is listed already")
    detail = Text(
        "Trong thời gian đó cơ quan đã có trong danh mục nguồn nộp lưu của lưu trữ này.",
        "In that time the agency is listed as a source of this archive.",
    )
    fix = Text("Kết thúc mục cũ trước.", "End the earlier entry first.")


class DepositSourceEnded(Refusal):
    code = "deposit-source-ended"
    status = 409
    title = Text("Mục này đã kết thúc", "The entry has ended")
    detail = Text(
        "Mục đã kết thúc từ ngày {ended_on}; điều đã ghi không sửa lại.",
        "The entry ended on {ended_on}; what is recorded is not changed.",
    )
    fix = Text("Ghi một mục mới nếu cần.", "List a new entry if needed.")


class FondsCodeTaken(Refusal):
    code = "fonds-code-taken"
    status = 409
    title = Text("Mã phông đã có", "The fonds code is taken")
    detail = Text(
        "Cơ quan hình thành này đã có phông mang mã đó.", "This creating agency already has a fonds with this code."
    )
    fix = Text("Xem GET /v1/fonds.", "See GET /v1/fonds.")


class ClientUnknown(Refusal):
    code = "client-unknown"
    status = 404
    title = Text("Không có tài khoản này", "No such client")
    detail = Text("Không có tài khoản mang mã này.", "No client has this id.")
    fix = Text("Xem danh sách tại GET /v1/clients.", "See the list at GET /v1/clients.")


class ClientScopesInvalid(Refusal):
    code = "client-scopes-invalid"
    status = 422
    title = Text("Tổ hợp quyền không hợp lệ", "The scopes cannot be combined so")
    detail = Text(
        "Quyền không rõ, trống, hoặc không đi cùng nhau: rule-author và rule-approver phải là hai tài khoản; "
        "service không đi với quyền khác; quyền của cán bộ cần tên cán bộ.",
        "A scope is unknown or none is given, or they do not go together: rule-author and rule-approver must be two "
        "clients; service stands alone; an officer's scope needs the officer.",
    )
    fix = Text("Tách thành nhiều tài khoản, hoặc nêu officer.", "Split into several clients, or name the officer.")


class ClientDisabled(Refusal):
    code = "client-disabled"
    status = 409
    title = Text("Tài khoản đã bị ngừng", "The client is disabled")
    detail = Text("Không thể thêm khóa cho tài khoản đã ngừng.", "A disabled client takes no more keys.")
    fix = Text("Đăng ký tài khoản mới.", "Enrol a new client.")


class ClientKeyUnusable(Refusal):
    code = "client-key-unusable"
    status = 422
    title = Text("Khóa công khai không dùng được", "The public key cannot be used")
    detail = Text(
        "Cần khóa công khai Ed25519 hoặc P-256, dạng PEM (SubjectPublicKeyInfo) hoặc JWK, không kèm khóa riêng.",
        "An Ed25519 or P-256 public key is needed, in PEM (SubjectPublicKeyInfo) or JWK, without its private half.",
    )
    fix = Text("Tạo khóa bằng `nopluu keygen` hoặc openssl.", "Make a key with `nopluu keygen` or openssl.")


class ClientKeyTaken(Refusal):
    code = "client-key-taken"
    status = 409
    title = Text("Khóa đã được đăng ký", "The key is registered already")
    detail = Text(
        "Mỗi khóa chỉ thuộc một tài khoản và chỉ đăng ký một lần, kể cả sau khi thu hồi.",
        "A key belongs to one client and is registered once, even after it was revoked.",
    )
    fix = Text("Tạo khóa mới.", "Make a new key.")


class ClientKeyUnknown(Refusal):
    code = "client-key-unknown"
    status = 404
    title = Text("Không có khóa này", "No such key")
    detail = Text("Tài khoản không có khóa mang thumbprint này.", "The client has no key with this thumbprint.")
    fix = Text("Xem các khóa tại GET /v1/clients.", "See the keys at GET /v1/clients.")
