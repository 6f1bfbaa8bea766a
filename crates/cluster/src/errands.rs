//! Requests of this broker on their way to the controller.

use std::collections::BTreeMap;

use record::BrokerId;

use crate::deletion::Deletion;
use crate::{ControllerReply, ControllerRequest, ErrorCode, Metadata, Millis, Refusal, Token};

/// How long a request that names no time waits for a controller.
const PATIENCE: Millis = Millis(10_000);

/// The shortest: who doesn't want to wait (a timeout of 0) still wants it to be done.
const SHORTEST: Millis = Millis(100);

/// The longest that a request may wait.
const LONGEST: Millis = Millis(60_000);

/// How soon a request that found no controller tries again.
const PAUSE: Millis = Millis(100);

/// A request that is carried to whoever is controller, until it has an answer or its time is over.
#[derive(Debug)]
pub(crate) struct Errand {
    request: Carried,
    deadline: Millis,
    place: Place,
}

/// What is carried.
#[derive(Debug)]
enum Carried {
    /// Asked as it is, as often as it takes.
    Request(ControllerRequest),
    /// Asked in two steps.
    Deletion(Deletion),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Looking for a controller, not before this time.
    Here(Millis),
    /// With this broker's own controller, or asked of another's.
    There,
}

/// All errands by the token of whoever wants them.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    errands: BTreeMap<Token, Errand>,
}

impl Errands {
    pub(crate) fn len(&self) -> usize {
        self.errands.len()
    }

    pub(crate) fn add(&mut self, token: Token, request: ControllerRequest, metadata: &Metadata, now: Millis) {
        let wanted = match &request {
            ControllerRequest::CreateTopics(create) => create.timeout,
            ControllerRequest::DeleteTopics(delete) => delete.timeout,
            ControllerRequest::CreatePartitions(create) => create.timeout,
            ControllerRequest::AlterConfigs(alter) => alter.timeout,
            ControllerRequest::ElectLeaders(elect) => elect.timeout,
            ControllerRequest::ReassignPartitions(reassign) => reassign.timeout,
            _ => PATIENCE,
        };
        let deadline = now.plus(wanted.clamp(SHORTEST, LONGEST));
        let request = match request {
            ControllerRequest::DeleteTopics(delete) => Carried::Deletion(Deletion::new(&delete, metadata)),
            request => Carried::Request(request),
        };
        self.errands.insert(
            token,
            Errand {
                request,
                deadline,
                place: Place::Here(now),
            },
        );
    }

    /// The next errand that waits here and may go; it counts as gone.
    pub(crate) fn depart(&mut self, now: Millis) -> Option<(Token, ControllerRequest)> {
        let ready = |place: Place| matches!(place, Place::Here(at) if at <= now);
        let (token, errand) = self.errands.iter_mut().find(|(_, errand)| ready(errand.place))?;
        errand.place = Place::There;
        let request = match &mut errand.request {
            Carried::Request(request) => {
                let departing = request.clone();
                if let ControllerRequest::CreatePartitions(create) = request {
                    create.again = true;
                }
                departing
            }
            Carried::Deletion(deletion) => ControllerRequest::DeleteTopics(deletion.request()),
        };
        Some((*token, request))
    }

    /// It found no controller: it comes back, and tries again a little later.
    pub(crate) fn come_back(&mut self, token: Token, now: Millis) {
        if let Some(errand) = self.errands.get_mut(&token) {
            errand.place = Place::Here(now.plus(PAUSE));
        }
    }

    /// Everything that waits may go at once: there is another controller.
    pub(crate) fn hurry(&mut self, now: Millis) {
        for errand in self.errands.values_mut() {
            if let Place::Here(at) = &mut errand.place {
                *at = now.min(*at);
            }
        }
    }

    /// The controller has replied. Gives the answer, unless nobody waits for it any more, or there is
    /// more to ask, which may go at once.
    pub(crate) fn replied(
        &mut self,
        token: Token,
        reply: ControllerReply,
        now: Millis,
    ) -> Option<ControllerReply> {
        let errand = self.errands.get_mut(&token)?;
        let answer = match (&mut errand.request, reply) {
            (Carried::Deletion(deletion), ControllerReply::DeleteTopics(results)) => {
                let Some(answer) = deletion.replied(results) else {
                    errand.place = Place::Here(now);
                    return None;
                };
                ControllerReply::DeleteTopics(answer)
            }
            (_, reply) => reply,
        };
        self.errands.remove(&token);
        Some(answer)
    }

    /// Takes out an errand whose time is over.
    pub(crate) fn expire(&mut self, now: Millis) -> Option<Token> {
        let token = self
            .errands
            .iter()
            .find(|(_, errand)| errand.deadline <= now)
            .map(|(t, _)| *t)?;
        self.errands.remove(&token);
        Some(token)
    }
}

/// Who asked another broker's controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// An errand.
    Errand(Token),
    /// This broker's registration or heartbeat.
    Membership,
}

/// Questions that other brokers have not replied to yet.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    next: u64,
    open: BTreeMap<Token, Question>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) asker: Asker,
    pub(crate) to: BrokerId,
    pub(crate) at: Millis,
}

impl Questions {
    pub(crate) fn ask(&mut self, asker: Asker, to: BrokerId, at: Millis) -> Token {
        self.next += 1;
        let token = Token(self.next);
        self.open.insert(token, Question { asker, to, at });
        token
    }

    /// The question of a reply; `None` if it was given up.
    pub(crate) fn replied(&mut self, token: Token) -> Option<Question> {
        self.open.remove(&token)
    }

    /// Whether the membership has a question open.
    pub(crate) fn membership_asks(&self) -> bool {
        self.open.values().any(|q| q.asker == Asker::Membership)
    }

    /// Gives up a question that took too long, or went to a broker that is no longer controller.
    pub(crate) fn give_up(
        &mut self,
        controller: Option<BrokerId>,
        timeout: Millis,
        now: Millis,
    ) -> Option<Question> {
        let hopeless = |q: &Question| {
            now.since(q.at) >= timeout || controller.is_some_and(|controller| controller != q.to)
        };
        let token = self.open.iter().find(|(_, q)| hopeless(q)).map(|(t, _)| *t)?;
        self.open.remove(&token)
    }
}

/// Whether the request wasn't looked at, so that it can be asked of somebody else.
pub(crate) fn wants_another_controller(reply: &ControllerReply) -> bool {
    matches!(
        reply,
        ControllerReply::Refused(Refusal {
            code: ErrorCode::NotController | ErrorCode::NetworkException,
            ..
        })
    )
}
