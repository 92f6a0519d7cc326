//! Private keys on the curve P-256, from the bytes of the key schedule.

use super::IdentityError;
use p256::SecretKey;
use p256::elliptic_curve::bigint::{NonZero, U256, U384};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use zeroize::Zeroizing;

/// The order of the group less one (SEC 2, section 2.4.2: `n` of secp256r1).
const ORDER_LESS_ONE: NonZero<U256> = NonZero::<U256>::new_unwrap(U256::from_be_hex(
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
));

/// Makes a key of 48 bytes, taken for a big-endian number `c`: `(c mod (n - 1)) + 1`, which is the way "by
/// extra random bits" of FIPS 186-5, appendix A.2.1. Every such number is a key.
///
/// # Errors
/// The error of the curve's own check.
pub(super) fn from_bytes(bytes: &[u8; 48]) -> Result<SecretKey, IdentityError> {
    let number = Zeroizing::new(U384::from_be_slice(bytes));
    let scalar = Zeroizing::new(number.rem_vartime(&ORDER_LESS_ONE).wrapping_add(&U256::ONE));
    let bytes = Zeroizing::new(scalar.to_be_bytes());
    SecretKey::from_slice(bytes.as_ref()).map_err(IdentityError::EllipticKey)
}

/// Encodes the key as PKCS#8 in PEM, which k3s and kubectl both read.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn to_pem(key: &SecretKey) -> Result<Zeroizing<String>, IdentityError> {
    // The line end of Unix everywhere: the bytes may not depend on the machine.
    key.to_pkcs8_pem(LineEnding::LF).map_err(IdentityError::KeyFile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(bytes: [u8; 48]) -> String {
        let scalar = from_bytes(&bytes).unwrap().to_bytes();
        crate::types::hex::encode(&scalar)
    }

    /// The ends of the range, and the largest number there is, computed with Python's integers.
    #[test]
    fn every_number_is_a_key() {
        assert_eq!(scalar([0; 48]), format!("{:0>64}", 1));
        let mut wide = [0; 48];
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let less_two = U256::from_be_hex(order).wrapping_sub(&U256::from_u8(2)).to_be_bytes();
        wide[16..].copy_from_slice(less_two.as_ref());
        assert_eq!(scalar(wide), format!("{}0", order.strip_suffix('1').unwrap()));
        assert_eq!(scalar([0xff; 48]), "431905529c0166ce652e96b7ccca0a9a679b73e29ad16947f01cf012fc632550");
    }
}
