//! The key schedule: HKDF-SHA256, one label a key.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// `salt` of RFC 5869. A second version of the schedule would have another.
const SALT: &[u8] = b"cardwright/v1";

/// What HKDF-SHA256 can give at most (RFC 5869, section 2.3).
const LONGEST_OUTPUT: usize = 255 * 32;

/// `LENGTH` bytes for one label.
pub(super) fn derive<const LENGTH: usize>(secret: &[u8; 32], label: &str) -> Zeroizing<[u8; LENGTH]> {
    const { assert!(LENGTH <= LONGEST_OUTPUT) };
    let mut output = Zeroizing::new([0; LENGTH]);
    match Hkdf::<Sha256>::new(Some(SALT), secret).expand(label.as_bytes(), output.as_mut_slice()) {
        Ok(()) => output,
        Err(hkdf::InvalidLength) => unreachable!("the length was checked when this was compiled"),
    }
}
