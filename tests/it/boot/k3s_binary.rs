//! The program that stands for k3s: one for arm64, as k3s is, which does nothing but start the stub.

/// Where the stub is on a card.
pub(crate) const STUB: &str = "/usr/local/lib/k3s_stub.py";

/// What becomes of the program: `execve(STUB, argv, envp)`, or else `exit(127)`, in the numbers of Linux's
/// system calls for arm64.
const CODE: [u32; 10] = [
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

/// The program: as large as makes a download that can be interrupted, and no two blocks of it alike, so that
/// a piece in the wrong place is noticed.
pub(crate) fn binary() -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    const LOADED_AT: u64 = 0x40_0000;
    let mut start = Vec::new();
    start.extend(CODE.iter().flat_map(|instruction| instruction.to_le_bytes()));
    start.extend([STUB.as_bytes(), &[0]].concat());
    let length = HEADERS + start.len() as u64;

    // An ELF header and the header of one segment (elf(5)).
    let mut binary = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [2_u16, 183] {
        binary.extend(half.to_le_bytes()); // executable, AArch64
    }
    binary.extend(1_u32.to_le_bytes());
    for word in [LOADED_AT + HEADERS, 64, 0] {
        binary.extend(word.to_le_bytes()); // entry, program headers, no section headers
    }
    binary.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        binary.extend(half.to_le_bytes());
    }
    for half in [1_u32, 5] {
        binary.extend(half.to_le_bytes()); // loaded, to be read and executed
    }
    for word in [0, LOADED_AT, LOADED_AT, length, length, 0x1_0000] {
        binary.extend(word.to_le_bytes());
    }
    binary.extend(start);
    for number in 0_u32..1_000_000 {
        binary.extend(number.to_be_bytes());
    }
    binary
}
