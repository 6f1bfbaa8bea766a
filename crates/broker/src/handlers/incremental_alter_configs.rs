//! IncrementalAlterConfigs (44): single keys of topics' configurations.

use cluster::{ConfigChange, ConfigOp, ControllerReply, ErrorCode, Refusal};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use crate::handlers::alter_configs::{Altered, Resource, outcomes};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// The resources that a request names.
pub(crate) fn resources(request: &IncrementalAlterConfigsRequest) -> Vec<Resource> {
    let resources = request.resources.iter().map(|resource| {
        let keys: Result<_, _> = resource.configs.iter().map(change).collect();
        Resource::new(
            resource.resource_type,
            &resource.resource_name,
            keys.map(ConfigChange::Keys),
        )
    });
    resources.collect()
}

fn change(config: &AlterableConfig) -> Result<(String, ConfigOp), Refusal> {
    let value = || match &config.value {
        Some(value) => Ok(value.to_string()),
        None => {
            let message = format!(
                "{} needs a value; delete it to return to its default",
                config.name
            );
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
    };
    let operation = match config.config_operation {
        SET => ConfigOp::Set(value()?),
        DELETE => ConfigOp::Delete,
        APPEND => ConfigOp::Append(value()?),
        SUBTRACT => ConfigOp::Subtract(value()?),
        other => {
            let message = format!("{other} is no operation on {}", config.name);
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    };
    Ok((config.name.to_string(), operation))
}

pub(crate) fn answer(resources: Vec<Resource>, reply: ControllerReply) -> IncrementalAlterConfigsResponse {
    let answer = |altered: Altered| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(altered.kind)
            .with_resource_name(altered.name)
            .with_error_code(altered.error)
            .with_error_message(altered.message)
    };
    let responses = outcomes(resources, reply).into_iter().map(answer);
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}
