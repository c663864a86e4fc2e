//! Message stubs, which act on the channels of WebSocket connections.

mod folder;
mod format;
mod stub;

pub use self::folder::{MessageFolder, load_message_stubs};
pub use self::format::{message_pattern, message_stub, sent_message};
pub use self::stub::{
    ActionContent, ChannelCommand, ChannelTarget, MessageAction, MessageContent, MessagePattern, MessageStub,
    MessageTrigger,
};
