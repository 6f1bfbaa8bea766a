//! AlterConfigs (33): the whole configuration of topics, replaced. What it shares with
//! IncrementalAlterConfigs stands here, too.

use cluster::{AlterConfigs, AlterTopicConfigs, ConfigChange, ControllerReply, ErrorCode, Millis, Refusal};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::handlers::delete_topics::unexpected;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Neither request says how long its client waits.
const TIMEOUT: Millis = Millis(30_000);

/// A resource whose configuration shall change, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Resource {
    kind: i8,
    name: String,
    change: Result<ConfigChange, Refusal>,
}

impl Resource {
    /// What isn't a topic is refused.
    pub(crate) fn new(kind: i8, name: &str, change: Result<ConfigChange, Refusal>) -> Self {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        let change = match kind {
            TOPIC => change,
            BROKER => {
                refuse("brokers are configured in config.yml; change it and start them again".to_owned())
            }
            other => refuse(format!("resources of type {other} have no configuration here")),
        };
        Self {
            kind,
            name: name.to_owned(),
            change,
        }
    }
}

/// The resources that a request names.
pub(crate) fn resources(request: &AlterConfigsRequest) -> Vec<Resource> {
    let text = |value: &StrBytes| value.to_string();
    let resources = request.resources.iter().map(|resource| {
        let configs = resource.configs.iter();
        let all = configs.map(|config| (text(&config.name), config.value.as_ref().map(text)));
        Resource::new(
            resource.resource_type,
            &resource.resource_name,
            Ok(ConfigChange::Replace(all.collect())),
        )
    });
    resources.collect()
}

/// What the controller is asked for; `None` where all is refused already.
pub(crate) fn ask(resources: &[Resource], validate_only: bool) -> Option<AlterConfigs> {
    let topics: Vec<AlterTopicConfigs> = resources
        .iter()
        .filter_map(|resource| {
            Some(AlterTopicConfigs {
                topic: resource.name.clone(),
                change: resource.change.clone().ok()?,
            })
        })
        .collect();
    (!topics.is_empty()).then_some(AlterConfigs {
        topics,
        validate_only,
        timeout: TIMEOUT,
    })
}

/// What became of a resource, as both answers say it.
pub(crate) struct Altered {
    pub(crate) kind: i8,
    pub(crate) name: StrBytes,
    pub(crate) error: i16,
    pub(crate) message: Option<StrBytes>,
}

/// What became of each resource.
pub(crate) fn outcomes(resources: Vec<Resource>, reply: ControllerReply) -> Vec<Altered> {
    let (mut altered, all_refused) = match reply {
        ControllerReply::AlterConfigs(altered) => {
            let message = "the controller gave no answer for this topic";
            let refusal = Refusal::new(ErrorCode::UnknownServerError, message);
            (altered.into_iter(), refusal)
        }
        ControllerReply::Refused(refusal) => (Vec::new().into_iter(), refusal),
        other => (Vec::new().into_iter(), unexpected(&other)),
    };
    let outcome = |resource: Resource| {
        let refusal = match resource.change {
            Err(refusal) => Some(refusal),
            Ok(_) => match altered.next() {
                Some(altered) => altered.result.err(),
                None => Some(all_refused.clone()),
            },
        };
        Altered {
            kind: resource.kind,
            name: StrBytes::from_string(resource.name),
            error: refusal.as_ref().map_or(0, |refusal| refusal.code.code()),
            message: refusal.map(|refusal| StrBytes::from_string(refusal.message)),
        }
    };
    resources.into_iter().map(outcome).collect()
}

pub(crate) fn answer(resources: Vec<Resource>, reply: ControllerReply) -> AlterConfigsResponse {
    let answer = |altered: Altered| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(altered.kind)
            .with_resource_name(altered.name)
            .with_error_code(altered.error)
            .with_error_message(altered.message)
    };
    let responses = outcomes(resources, reply).into_iter().map(answer);
    AlterConfigsResponse::default().with_responses(responses.collect())
}
