//! Texts and numbers as bytes.

/// What must be escaped in a JSON text: the letter after the backslash, `u` for a code; 0: nothing.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escapes[byte] = b'u';
        byte += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x09] = b't';
    escapes[0x0a] = b'n';
    escapes[0x0c] = b'f';
    escapes[0x0d] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// A JSON text with its quotes. UTF-8 stays as it is.
pub(crate) fn write_json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut written = 0;
    for (index, byte) in text.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&text[written..index]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
        written = index + 1;
    }
    out.extend_from_slice(&text[written..]);
    out.push(b'"');
}

/// A CSV value: in quotes where it must be. An empty text is quoted, so that it isn't null.
pub(crate) fn write_csv_text(text: &[u8], out: &mut Vec<u8>) {
    let quoted = text.is_empty()
        || text
            .iter()
            .any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if !quoted {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// A logfmt value: in quotes where it must be, escaped as in JSON then.
pub(crate) fn write_logfmt_text(text: &[u8], out: &mut Vec<u8>) {
    let breaks = |byte: &u8| *byte <= b' ' || matches!(byte, b'"' | b'=' | b'\\' | 0x7f);
    if text.is_empty() || text.iter().any(breaks) {
        write_json_text(text, out);
    } else {
        out.extend_from_slice(text);
    }
}

pub(crate) fn write_integer(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[from..]);
}

/// `unscaled` / 10^`places`, with all its places.
pub(crate) fn write_decimal(unscaled: i64, places: u8, out: &mut Vec<u8>) {
    if places == 0 {
        return write_integer(unscaled, out);
    }
    if unscaled < 0 {
        out.push(b'-');
    }
    let scale = 10_u64.saturating_pow(u32::from(places));
    let (whole, mut part) = (unscaled.unsigned_abs() / scale, unscaled.unsigned_abs() % scale);
    write_integer(whole.cast_signed(), out);
    out.push(b'.');
    let start = out.len();
    out.resize(start + usize::from(places), b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (part % 10) as u8;
        part /= 10;
    }
}

/// With zeros in front, at least so many digits.
pub(crate) fn write_padded(number: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    write_integer(number.cast_signed(), out);
    let missing = width.saturating_sub(out.len() - start);
    out.extend(std::iter::repeat_n(b'0', missing));
    out[start..].rotate_right(missing);
}

/// Random bits as a UUID of version 4.
pub(crate) fn write_uuid(bits: u128, out: &mut Vec<u8>) {
    let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
}
