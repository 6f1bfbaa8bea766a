//! ApiVersions (18): what is served here, and nothing else.

use cluster::Metadata;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::protocol::StrBytes;

use crate::ADVERTISED;

/// The answer; `unknown` where the client asked in a version that is not known here (KIP-511).
pub(crate) fn answer(metadata: &Metadata, version: i16, unknown: bool) -> ApiVersionsResponse {
    let api_keys = ADVERTISED
        .iter()
        .map(|advertised| {
            ApiVersion::default()
                .with_api_key(advertised.api as i16)
                .with_min_version(advertised.min)
                .with_max_version(advertised.max)
        })
        .collect();
    let response = ApiVersionsResponse::default().with_api_keys(api_keys);
    if unknown {
        return response.with_error_code(ResponseError::UnsupportedVersion.code());
    }
    if version < 3 {
        return response;
    }
    let supported = metadata.features.iter().map(|(name, level)| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_min_version(1.min(*level))
            .with_max_version(*level)
    });
    let finalized = metadata.features.iter().map(|(name, level)| {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_min_version_level(*level)
            .with_max_version_level(*level)
    });
    response
        .with_supported_features(supported.collect())
        .with_finalized_features(finalized.collect())
        .with_finalized_features_epoch(metadata.applied.0.cast_signed())
}
