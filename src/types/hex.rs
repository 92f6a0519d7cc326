//! Hexadecimal digits. Both directions take constant time, so that secrets may go through here as well.

/// Returns two lower-case digits for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// Reads two digits of either case for each byte of `bytes`. Returns `false` where they are fewer, more, or not
/// digits; then the contents of `bytes` mean nothing.
pub(crate) fn decode_into(digits: &[u8], bytes: &mut [u8]) -> bool {
    digits.len() == 2 * bytes.len() && base16ct::mixed::decode(digits, bytes).is_ok()
}
