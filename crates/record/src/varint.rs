//! Zigzag variable-length integers, as in records.

/// Reads a zigzag varint of at most five bytes and moves `input` behind it.
pub(crate) fn read_i32(input: &mut &[u8]) -> Option<i32> {
    // Most lengths and deltas fit one byte.
    if let [first, rest @ ..] = *input
        && *first < 0x80
    {
        *input = rest;
        let raw = u32::from(*first);
        return Some((raw >> 1) as i32 ^ -((raw & 1) as i32));
    }
    let mut raw = 0_u32;
    for (i, &byte) in input.iter().take(5).enumerate() {
        raw |= u32::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return Some((raw >> 1) as i32 ^ -((raw & 1) as i32));
        }
    }
    None
}

/// Reads a zigzag varlong of at most ten bytes and moves `input` behind it.
pub(crate) fn read_i64(input: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u64;
    for (i, &byte) in input.iter().take(10).enumerate() {
        raw |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}

/// Appends `value` as a zigzag varint or varlong: the encoding is the same.
pub(crate) fn write(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// Bytes that [`write`] appends for `value`.
pub(crate) fn size(value: i64) -> usize {
    let raw = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (raw | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        let mut values = vec![0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN];
        for bit in 0..63 {
            values.extend([1_i64 << bit, -(1_i64 << bit), (1_i64 << bit) - 1]);
        }
        for value in values {
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(out.len(), size(value), "{value}");
            let mut input = &out[..];
            assert_eq!(read_i64(&mut input), Some(value));
            assert!(input.is_empty());
            if let Ok(small) = i32::try_from(value) {
                let mut input = &out[..];
                assert_eq!(read_i32(&mut input), Some(small));
                assert!(input.is_empty());
            }
        }
    }

    #[test]
    fn unfinished_and_endless_varints_are_refused() {
        for input in [&b""[..], b"\x80", b"\xff\xff", &[0xff; 11]] {
            assert_eq!(read_i32(&mut &*input), None);
            assert_eq!(read_i64(&mut &*input), None);
        }
    }
}
