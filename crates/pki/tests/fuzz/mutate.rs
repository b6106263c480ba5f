//! Damage.

use super::corpus::Corpus;

/// Random numbers that are the same for the same seed (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap().max(1);
        usize::try_from(self.next() % end).unwrap()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// An input: noise, or one or two things of the corpus with a few changes.
pub(super) fn input(random: &mut Random, corpus: &Corpus) -> Vec<u8> {
    let mut bytes = match random.below(16) {
        0 => (0..random.below(512)).map(|_| random.byte()).collect(),
        // In DER, changed, and written as PEM again: what is in the base64 is changed without
        // breaking it.
        1..=6 => {
            let (label, mut der) = corpus.block(random);
            for _ in 0..=random.below(4) {
                change(random, &mut der, corpus);
            }
            pem(&label, &der)
        }
        7 => {
            let mut both = corpus.file(random);
            both.extend(corpus.file(random));
            both
        }
        8..=10 => corpus.block(random).1,
        _ => corpus.file(random),
    };
    for _ in 0..random.below(4) {
        change(random, &mut bytes, corpus);
    }
    // Mutations only ever double what is there; this is for the splices.
    bytes.truncate(1 << 16);
    bytes
}

/// One block, in lines.
fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    pem::encode(&pem::Pem::new(label, der)).into_bytes()
}

/// One change.
fn change(random: &mut Random, bytes: &mut Vec<u8>, corpus: &Corpus) {
    // Bytes that mean something in DER, in PEM, or in text.
    const TELLING: &[u8] = &[
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x30,
        0x31, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x86, 0x87, 0xa0, 0xa1, 0xa3, 0xff, b'-', b'=', b'\n',
        b'\r', b':', b' ', b'/', b'@', b'[', b']', b',', b'"', b'{', b'&', b'*', b'%',
    ];
    let at = random.below(bytes.len());
    let length = random.below(32.min(bytes.len() - at) + 1);
    match random.below(10) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.byte(),
        2 | 3 if !bytes.is_empty() => bytes[at] = TELLING[random.below(TELLING.len())],
        4 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
        5 => drop(bytes.drain(at..at + length)),
        6 => bytes.truncate(at),
        7 => {
            let copy = bytes[at..at + length].to_vec();
            let times = random.below(64);
            let to = random.below(bytes.len());
            drop(bytes.splice(to..to, copy.repeat(times)));
        }
        8 => {
            let other = corpus.file(random);
            let from = random.below(other.len());
            let until = from + random.below(other.len() - from);
            drop(bytes.splice(at..at + length, other[from..until].iter().copied()));
        }
        _ => {
            // One more or one less: of a length, mostly.
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if random.byte() & 1 == 0 {
                    byte.wrapping_add(1)
                } else {
                    byte.wrapping_sub(1)
                };
            }
        }
    }
}
