//! One request or answer as bytes: length, header, body.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};

/// Kafka's name of a request.
pub(crate) fn api_name<R: Request>() -> String {
    ApiKey::try_from(R::KEY).map_or_else(|()| format!("request {}", R::KEY), |key| format!("{key:?}"))
}

/// A whole frame, the four bytes of its length first.
pub(crate) fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &str,
) -> Result<Bytes, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let size = request.compute_size(version).map_err(|error| error.to_string())?;
    let mut frame = BytesMut::with_capacity(size + 64);
    frame.put_i32(0);
    header
        .encode(&mut frame, R::header_version(version))
        .map_err(|error| error.to_string())?;
    request
        .encode(&mut frame, version)
        .map_err(|error| error.to_string())?;
    let length = i32::try_from(frame.len() - 4).map_err(|_| "longer than 2 GiB".to_owned())?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// The body of an answer; `frame` is without its length.
pub(crate) fn decode<R: Request>(mut frame: Bytes, version: i16) -> Result<R::Response, String> {
    let header_version = R::Response::header_version(version);
    ResponseHeader::decode(&mut frame, header_version).map_err(|error| error.to_string())?;
    let body = R::Response::decode(&mut frame, version).map_err(|error| error.to_string())?;
    if frame.is_empty() {
        Ok(body)
    } else {
        Err(format!("{} bytes too many", frame.len()))
    }
}

/// The correlation id of an answer; `None` where the frame is too short to hold one.
pub(crate) fn correlation_of(frame: &[u8]) -> Option<i32> {
    frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
}
