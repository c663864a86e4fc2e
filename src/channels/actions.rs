//! [`ActionRunner`]: the actions of message stubs, rendered and handed to channels.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::live::ServiceState;
use crate::live::messaging::{Channel, QueuedCommand};
use crate::offload::{Offload, Turns};
use standin_model::draws::Draws;
use standin_stub::call::Call;
use standin_stub::matcher::MatchStats;
use standin_stub::message::{ChannelTarget, MessageContent, MessageStub};

/// The means by which actions are carried out.
#[derive(Clone, Debug)]
pub struct ActionRunner {
    pub live: Arc<ServiceState>,
    pub offload: Arc<Offload>,
    /// Source of random delays and values.
    pub draws: Draws,
}

/// The event that triggers a stub.
#[derive(Clone, Debug)]
pub struct TriggeringEvent {
    /// Request that opened the channel, or that triggers the stub.
    pub call: Arc<Call>,
    /// Message that triggers the stub.
    pub message: Option<Arc<MessageContent>>,
    /// Instant of the event.
    pub at: Instant,
}

impl ActionRunner {
    /// Returns the first stub that a message on a channel triggers.
    pub fn stub_of_message(&self, channel: &Channel, message: &MessageContent) -> Option<Arc<MessageStub>> {
        let (stubs, stats) = (self.live.messaging().stubs(), MatchStats::default());
        stubs.iter().find(|stub| stub.is_triggered_by_message(&channel.call, message, &stats)).cloned()
    }

    /// Returns the stubs that an opening channel triggers.
    pub fn stubs_of_channel(&self, channel: &Channel) -> Vec<Arc<MessageStub>> {
        let (stubs, stats) = (self.live.messaging().stubs(), MatchStats::default());
        stubs.iter().filter(|stub| stub.is_triggered_by_channel(&channel.call, &stats)).cloned().collect()
    }

    /// Returns the stubs that a request triggers. `http_stub` is the stub that answers it.
    pub fn stubs_of_request(&self, call: &Call, http_stub: Option<Uuid>) -> Vec<Arc<MessageStub>> {
        let (stubs, stats) = (self.live.messaging().stubs(), MatchStats::default());
        stubs.iter().filter(|stub| stub.is_triggered_by_request(call, http_stub, &stats)).cloned().collect()
    }

    /// Carries out the actions of a stub. `origin` is the channel of the trigger, if it has one.
    /// Returns the errors of its templates.
    pub async fn run(
        &self,
        stub: &Arc<MessageStub>,
        event: &TriggeringEvent,
        origin: Option<&Arc<Channel>>,
        turns: &Turns,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        let ordinal = self.live.messaging().counts().triggers.fetch_add(1, Relaxed);
        let mut delays = standin_model::stream_delays(stub.id, self.draws, ordinal);
        let mut delay = Duration::ZERO;
        for (index, action) in stub.actions.iter().enumerate() {
            delay += action.delay.as_ref().map_or(Duration::ZERO, |delay| delay.sample(&mut delays));
            let values = || standin_model::chunk_values(stub.id, self.draws, ordinal, index as u64);
            let message = event.message.as_deref();
            let rendered = match action.render(&event.call, message, &mut values(), true) {
                Some(rendered) => rendered,
                None => {
                    let (stub, event, mut values) = (Arc::clone(stub), event.clone(), values());
                    let render = move || {
                        let message = event.message.as_deref();
                        stub.actions[index].render(&event.call, message, &mut values, false)
                    };
                    let rendered = self.offload.run(turns, render).await;
                    rendered.unwrap_or_else(|| Err("its templates take too long".to_owned()))
                }
            };
            let command = match rendered {
                Ok(command) => command,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let channels = match &action.target {
                ChannelTarget::Originating => origin.cloned().into_iter().collect(),
                ChannelTarget::Matching(pattern) => self.live.messaging().matching(pattern),
            };
            let due = event.at.checked_add(delay).unwrap_or(event.at);
            for channel in channels {
                channel.push(QueuedCommand { command: command.clone(), due, delay });
            }
        }
        errors
    }
}
