"""Refusals about enrolling a key: the proof that whoever offers it holds its private half, and who may hold which role.

Source: DESIGN 6 ("Enrolment"), DECISION-0013.
"""

from __future__ import annotations

from services.kernel.refusals.registry import Refusal, Text

_OFFER_ANEW = Text(
    "Cơ quan tạo lại bản chào khóa: `nopluu key-offer`.", "The agency makes the offer anew: `nopluu key-offer`."
)


class KeyProofMalformed(Refusal):
    code = "key-proof-malformed"
    status = 422
    title = Text("Không đọc được bằng chứng giữ khóa", "The proof of possession cannot be read")
    detail = Text(
        "proof phải là JWS dạng gọn, base64url chuẩn, JSON không trùng tên, tối đa {limit} byte.",
        "proof must be a compact JWS in canonical base64url, JSON without duplicate members, at most {limit} bytes.",
    )
    fix = Text(
        "Dán nguyên vẹn dòng mà `nopluu keygen` hoặc `nopluu key-offer` đã in.",
        "Paste the whole line that `nopluu keygen` or `nopluu key-offer` printed.",
    )


class KeyProofHeaderRefused(Refusal):
    code = "key-proof-header-refused"
    status = 422
    title = Text("Phần đầu của bằng chứng không được nhận", "The proof's header is not taken")
    detail = Text(
        'Phần đầu phải có đúng alg, jwk và typ "nopluu-key-proof+jwt".',
        'The header must have exactly alg, jwk and typ "nopluu-key-proof+jwt".',
    )
    fix = _OFFER_ANEW


class KeyProofAlgorithmRefused(Refusal):
    code = "key-proof-algorithm-refused"
    status = 422
    title = Text("Thuật toán không thuộc khóa được chào", "The algorithm does not belong to the offered key")
    detail = Text(
        "alg phải là EdDSA với khóa Ed25519, ES256 với khóa P-256.",
        "alg must be EdDSA with an Ed25519 key, ES256 with a P-256 key.",
    )
    fix = _OFFER_ANEW


class KeyProofDerEncoded(Refusal):
    code = "key-proof-der-encoded"
    status = 422
    title = Text("Chữ ký ES256 của bằng chứng ở dạng DER", "The proof's ES256 signature is DER-encoded")
    detail = Text(
        "Chữ ký ES256 phải là 64 byte r‖s, không phải ASN.1 DER.",
        "An ES256 signature must be the 64 bytes r‖s, not ASN.1 DER.",
    )
    fix = Text("Đổi DER sang r‖s, hoặc dùng khóa Ed25519.", "Convert DER to r‖s, or use an Ed25519 key.")


class KeyProofInvalid(Refusal):
    code = "key-proof-invalid"
    status = 422
    title = Text("Không chứng minh được là giữ khóa riêng", "Possession of the private key is not proved")
    detail = Text(
        "Chữ ký không do khóa riêng của khóa được chào tạo ra.",
        "The signature is not by the private half of the offered key.",
    )
    fix = _OFFER_ANEW


class KeyProofClaimInvalid(Refusal):
    code = "key-proof-claim-invalid"
    status = 422
    title = Text("Nội dung bằng chứng không hợp lệ", "A claim of the proof is not valid")
    detail = Text("Mục {claim} thiếu, thừa hoặc sai dạng.", "The claim {claim} is missing, superfluous or malformed.")
    fix = Text(
        "Cần aud, iat và exp là số nguyên giây, jti, và đúng một trong agency, client_id.",
        "aud, iat and exp in whole seconds, jti, and exactly one of agency and client_id are needed.",
    )


class KeyProofAudienceMismatch(Refusal):
    code = "key-proof-audience-mismatch"
    status = 422
    title = Text("Khóa được chào cho nơi khác", "The key was offered to somebody else")
    detail = Text("aud phải là đúng một chuỗi: {issuer}.", "aud must be exactly one string: {issuer}.")
    fix = Text(
        "Tạo lại bản chào với --issuer {issuer}.",
        "Make the offer anew with --issuer {issuer}.",
    )


class KeyProofPartyMismatch(Refusal):
    code = "key-proof-party-mismatch"
    status = 422
    title = Text("Khóa được chào cho chủ khác", "The key was offered for somebody else")
    detail = Text(
        "Khóa đầu của một tài khoản: agency phải là mã của chính cơ quan đó. "
        "Khóa thêm: client_id phải là chính tài khoản đó.",
        "First keys of a client: agency must be a code of that very agency. "
        "Further keys: client_id must be that very client.",
    )
    fix = Text(
        "Kiểm tra người gửi bản chào qua kênh khác, rồi yêu cầu bản chào đúng chủ.",
        "Ask the sender through another channel, then ask for an offer that names the right party.",
    )


class KeyProofIssuedAhead(Refusal):
    code = "key-proof-issued-ahead"
    status = 422
    title = Text("Bằng chứng có giờ ở tương lai", "The proof is from the future")
    detail = Text(
        "iat sớm hơn giờ máy chủ {skew} giây; máy chủ đang là {server_time}; cho phép tối đa 10 giây.",
        "iat lies {skew} s ahead of the server's clock, which shows {server_time}; at most 10 s are allowed.",
    )
    fix = Text("Chờ chừng ấy giây rồi gửi lại.", "Wait that long, then send again.")
    retryable = True


class KeyProofExpired(Refusal):
    code = "key-proof-expired"
    status = 422
    title = Text("Bằng chứng đã hết hạn", "The proof has expired")
    detail = Text(
        "exp đã qua {skew} giây; máy chủ đang là {server_time}.",
        "exp passed {skew} s ago; the server's clock shows {server_time}.",
    )
    fix = _OFFER_ANEW


class KeyProofLifetimeWrong(Refusal):
    code = "key-proof-lifetime-wrong"
    status = 422
    title = Text("Thời hạn của bằng chứng không hợp lệ", "The proof's lifetime is not allowed")
    detail = Text(
        "Từ iat đến exp là {lifetime} giây; phải từ 1 đến {limit} giây.",
        "From iat to exp are {lifetime} s; it must be 1 to {limit} s.",
    )
    fix = _OFFER_ANEW


class OfficerRolesConflict(Refusal):
    code = "officer-roles-conflict"
    status = 409
    title = Text("Cán bộ này đã giữ vai còn lại", "The officer holds the other half already")
    detail = Text(
        "Một cán bộ không thể vừa soạn vừa duyệt quy tắc, và chỉ có một tài khoản incident-officer; "
        "cán bộ này đang có tài khoản {client}.",
        "One officer cannot both author and approve rules, and has one client as incident officer at most; "
        "this officer has the client {client}.",
    )
    fix = Text(
        "Cử người khác; hoặc ngừng tài khoản kia trước. Thêm máy thì thêm khóa vào tài khoản đã có. "
        "Hai người trùng họ tên thì ghi thêm số hiệu vào officer.",
        "Name another person, or disable that client first. For a further machine add a key to the client there is. "
        "For two people of one name add their service numbers to officer.",
    )
