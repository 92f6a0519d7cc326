//! The key schedule: HKDF-SHA256, one label a key.

use hmac::digest::block_api::BlockSizeUser;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::digest::array::Array;
use zeroize::Zeroizing;

/// `salt` of RFC 5869. A second version of the schedule would have another.
const SALT: &[u8] = b"cardwright/v1";

/// The bytes of one label.
pub(super) fn derive<const LENGTH: usize>(secret: &[u8; 32], label: &str) -> Zeroizing<[u8; LENGTH]> {
    hkdf(SALT, secret, label.as_bytes())
}

/// HKDF-SHA256, which is two lines of HMAC: `extract` (RFC 5869, section 2.2) and `expand` (section 2.3).
///
/// Written out, it cannot fail: the one mistake there is, asking for more than 255 blocks, is found when
/// this is compiled.
fn hkdf<const LENGTH: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; LENGTH]> {
    const { assert!(LENGTH <= 255 * 32, "HKDF-SHA256 gives no more") };
    let key = hmac(salt, &[secret]);
    let mut output = Zeroizing::new([0; LENGTH]);
    let mut block = Zeroizing::new(Vec::new());
    for (number, part) in (1..=u8::MAX).zip(output.chunks_mut(32)) {
        block = Zeroizing::new(hmac(key.as_slice(), &[block.as_slice(), info, &[number]]).to_vec());
        for (byte, derived) in part.iter_mut().zip(block.iter()) {
            *byte = *derived;
        }
    }
    output
}

/// HMAC-SHA256 under a key of at most 64 bytes, which zeros fill up to a block of SHA-256 (RFC 2104).
fn hmac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new(Array::<u8, <Sha256 as BlockSizeUser>::BlockSize>::default());
    for (byte, given) in block.iter_mut().zip(key) {
        *byte = *given;
    }
    let mut hmac = Hmac::<Sha256>::new(&block);
    for part in parts {
        hmac.update(part);
    }
    Zeroizing::new(hmac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::hexadecimal::encode;
    use super::hkdf;

    /// The test cases of RFC 5869, appendix A.1 and A.3: a salt of 13 bytes, and none.
    #[test]
    fn it_is_hkdf() {
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        assert_eq!(
            *encode(hkdf::<42>(&salt, &[0x0b; 22], &info).as_slice()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
        assert_eq!(
            *encode(hkdf::<42>(&[], &[0x0b; 22], &[]).as_slice()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }
}
