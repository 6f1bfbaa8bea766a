//! What an executor is told, and what it gives back.

use bytes::Bytes;
use cluster::Millis;
use record::{BrokerId, Timestamp};

use crate::{BrokerError, Request, Response};

/// The time, as the caller has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Never goes back; for deadlines.
    pub monotonic: Millis,
    /// What the calendar says; for records and retention.
    pub wall: Timestamp,
}

/// Names a client's request until its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The connection that it came on. Never used for another one.
    pub connection: u64,
    /// Counts the requests of the connection.
    pub serial: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// [`cluster::TICK`] has passed.
    Tick,
    /// The time of [`crate::Executor::next_deadline`] has come, which need not be that of a tick.
    Deadline,
    /// A client's request. It gets exactly one [`Output::Respond`], [`Output::NoResponse`] or
    /// [`Output::Hangup`], unless its connection goes before.
    Client {
        /// Comes back with the answer.
        request: RequestId,
        /// The version of the API that the client uses.
        version: i16,
        /// What it wants.
        body: Request,
    },
    /// A client's connection is gone; what it waits for is dropped.
    ClientGone {
        /// As in [`RequestId::connection`].
        connection: u64,
    },
    /// Frames to this broker can be sent from now on.
    PeerConnected(BrokerId),
    /// Frames to this broker can't be sent any more; those that were not answered never will be.
    PeerLost(BrokerId),
    /// Another broker's frame, on a connection where it has proved who it is.
    PeerFrame {
        /// Who sent it.
        from: BrokerId,
        /// As its executor gave it out.
        frame: Bytes,
    },
}

/// What the caller has to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Answer a client.
    Respond {
        /// Its request.
        request: RequestId,
        /// The answer.
        body: Response,
    },
    /// The request is done and gets no answer (`acks=0`).
    NoResponse {
        /// The request.
        request: RequestId,
    },
    /// Close the client's connection: it asked for no answer, and something went wrong that it must
    /// notice.
    Hangup {
        /// The request.
        request: RequestId,
    },
    /// Send a frame to another broker. It may be lost together with the connection.
    PeerFrame {
        /// To whom.
        to: BrokerId,
        /// What.
        frame: Bytes,
    },
    /// This broker must stop, without [`crate::Executor::close`]: its disk failed in a way that only a
    /// restart can mend, or the cluster doesn't want it.
    Stop(BrokerError),
}
