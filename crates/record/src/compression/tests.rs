use super::*;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn inputs() -> Vec<Vec<u8>> {
    let mut noise = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(100_000)
    .collect();
    vec![
        Vec::new(),
        b"a".to_vec(),
        b"abc".repeat(50_000),
        noise,
        vec![0; 200_000],
    ]
}

#[test]
fn all_codecs_round_trip() {
    for codec in CODECS {
        for input in inputs() {
            let mut small = b"before".to_vec();
            codec.compress(&input, &mut small).unwrap();
            let mut out = b"kept".to_vec();
            codec.decompress(&small[6..], &mut out, input.len()).unwrap();
            assert_eq!(&out[..4], b"kept");
            assert!(out[4..] == input, "{codec}, {} bytes", input.len());
        }
        assert_eq!(codec.name().parse(), Ok(codec));
        assert_eq!(Compression::from_attributes(codec.id()), Ok(codec));
    }
    assert!("lzma".parse::<Compression>().is_err());
    assert_eq!(
        Compression::from_attributes(7),
        Err(BatchError::UnknownCompression(7))
    );
}

#[test]
fn nothing_decompresses_beyond_its_limit() {
    for codec in CODECS {
        let mut small = Vec::new();
        codec.compress(&vec![0; 1 << 20], &mut small).unwrap();
        for limit in [0, 1, 1000, (1 << 20) - 1] {
            let mut out = Vec::new();
            let result = codec.decompress(&small, &mut out, limit);
            assert_eq!(result, Err(BatchError::DecompressedTooLarge { limit }), "{codec}");
            assert!(out.capacity() <= 4 << 20, "{codec}: {}", out.capacity());
        }
    }
}

#[test]
fn raw_snappy_is_read_too() {
    let input = b"some text, some text, some text";
    let raw = snap::raw::Encoder::new().compress_vec(input).unwrap();
    let mut out = Vec::new();
    Compression::Snappy.decompress(&raw, &mut out, 100).unwrap();
    assert_eq!(out, input);
}

#[test]
fn a_snappy_block_cannot_claim_what_it_cannot_hold() {
    // A length of 200 MB, and three bytes.
    let claim = [0x80, 0x84, 0xaf, 0x5f, 0, b'a'];
    let mut out = Vec::new();
    assert!(Compression::Snappy.decompress(&claim, &mut out, 1 << 30).is_err());
    assert_eq!(out.capacity(), 0);
}

#[test]
fn garbage_is_refused() {
    for codec in CODECS.into_iter().skip(1) {
        let mut small = Vec::new();
        codec.compress(&b"hello, ".repeat(100), &mut small).unwrap();
        for end in 1..small.len() {
            // Cut off anywhere: an error, or less than all, which the records then miss.
            let mut out = Vec::new();
            if codec.decompress(&small[..end], &mut out, 1 << 20).is_ok() {
                assert!(out.len() <= 700, "{codec} at {end}");
            }
        }
        for garbage in [&b"garbage"[..], &[0xff; 100], &[0; 100]] {
            let mut out = Vec::new();
            let _ = codec.decompress(garbage, &mut out, 1 << 20);
        }
    }
}
