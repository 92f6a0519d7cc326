//! The program that stands for k3s: one for the cards' architecture, as k3s is, which does nothing but start the
//! stub.

use crate::boot::cluster::Suite;

/// Where the stub is on a card.
pub(crate) const STUB: &str = "/usr/local/lib/k3s_stub.py";

/// What becomes of the program: `execve(STUB, argv, envp)`, or else `exit(127)`, in the numbers of Linux's
/// system calls for arm64.
const CODE_ARM64: [u32; 10] = [
    0xf940_03e3, // ldr x3, [sp]             how many arguments there are
    0x9100_23e1, // add x1, sp, #8           the arguments
    0x8b03_0c22, // add x2, x1, x3, lsl #3   what ends them,
    0x9100_2042, // add x2, x2, #8           and then the environment
    0x1000_00c0, // adr x0, .+24             the path, behind the code
    0xd280_1ba8, // mov x8, #221
    0xd400_0001, // svc #0
    0xd280_0fe0, // mov x0, #127
    0xd280_0ba8, // mov x8, #93
    0xd400_0001, // svc #0
];

/// The same, for arm.
const CODE_ARM: [u32; 10] = [
    0xe59d_3000, // ldr r3, [sp]
    0xe28d_1004, // add r1, sp, #4
    0xe081_2103, // add r2, r1, r3, lsl #2
    0xe282_2004, // add r2, r2, #4
    0xe28f_0010, // add r0, pc, #16          pc is two instructions ahead
    0xe3a0_700b, // mov r7, #11
    0xef00_0000, // svc #0
    0xe3a0_007f, // mov r0, #127
    0xe3a0_7001, // mov r7, #1
    0xef00_0000, // svc #0
];

const LOADED_AT: u32 = 0x40_0000;

/// The program for arm64.
pub(crate) fn binary() -> Vec<u8> {
    binary_for(Suite::Trixie)
}

/// The program: as large as makes a download that can be interrupted, and no two blocks of it alike, so that
/// a piece in the wrong place is noticed.
pub(crate) fn binary_for(suite: Suite) -> Vec<u8> {
    let (code, header): (_, fn(u32) -> Vec<u8>) =
        if suite == Suite::TrixieArmhf { (CODE_ARM, header_32) } else { (CODE_ARM64, header_64) };
    let mut start: Vec<u8> = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    start.extend(STUB.bytes().chain([0]));
    let mut binary = header(u32::try_from(start.len()).unwrap());
    binary.extend(start);
    for number in 0_u32..1_000_000 {
        binary.extend(number.to_be_bytes());
    }
    binary
}

/// An ELF header, and the header of one segment that has itself and `length` bytes of code (elf(5)).
fn header_64(length: u32) -> Vec<u8> {
    const LENGTH: u32 = 64 + 56;
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    halves(&mut header, &[2, 183]); // executable, AArch64
    words(&mut header, &[1]);
    longs(&mut header, &[LOADED_AT + LENGTH, 64, 0]); // entry, program headers, no section headers
    words(&mut header, &[0]);
    halves(&mut header, &[64, 56, 1, 64, 0, 0]);
    words(&mut header, &[1, 5]); // loaded, to be read and executed
    longs(&mut header, &[0, LOADED_AT, LOADED_AT, LENGTH + length, LENGTH + length, 0x1_0000]);
    header
}

/// The same with 32 bits, for arm.
fn header_32(length: u32) -> Vec<u8> {
    const LENGTH: u32 = 52 + 32;
    let mut header = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    halves(&mut header, &[2, 40]);
    words(&mut header, &[1, LOADED_AT + LENGTH, 52, 0, 0x0500_0400]); // EABI 5, hard float
    halves(&mut header, &[52, 32, 1, 40, 0, 0]);
    words(&mut header, &[1, 0, LOADED_AT, LOADED_AT, LENGTH + length, LENGTH + length, 5, 0x1_0000]);
    header
}

fn halves(to: &mut Vec<u8>, numbers: &[u16]) {
    to.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn words(to: &mut Vec<u8>, numbers: &[u32]) {
    to.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn longs(to: &mut Vec<u8>, numbers: &[u32]) {
    to.extend(numbers.iter().flat_map(|number| u64::from(*number).to_le_bytes()));
}
