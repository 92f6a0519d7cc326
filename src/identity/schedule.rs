//! The key schedule: HKDF-SHA256, one label a key.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// `salt` of RFC 5869. A second version of the schedule would have another.
const SALT: &[u8] = b"cardwright/v1";

/// Returns the bytes of one label.
#[expect(clippy::expect_used, reason = "too long an output does not compile")]
pub(super) fn derive<const LENGTH: usize>(secret: &[u8; 32], label: &str) -> Zeroizing<[u8; LENGTH]> {
    const { assert!(LENGTH <= 255 * 32, "HKDF-SHA256 gives no more") };
    let mut output = Zeroizing::new([0; LENGTH]);
    let expanded = Hkdf::<Sha256>::new(Some(SALT), secret).expand(label.as_bytes(), output.as_mut_slice());
    expanded.expect("HKDF fails for more than 255 blocks only");
    output
}
