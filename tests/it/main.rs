//! Everything that is tested through the front door, in one binary. Fixed ports are never used.

mod admin; // the control plane
mod cli; // the binary: exit codes, messages, signals
mod conformance; // WireMock's recorded answers
mod connections; // when the service of a profile closes them
mod dashboard; // the page for a browser, and its data
mod delays; // when answers come
mod draft; // from a tape to stubs that answer as it did
mod draft_answers; // ids that were not recorded, and what writes change
mod faults; // how connections break, to the byte
mod first_steps; // what a new user runs first
mod fit; // `standin fit` on the command line
mod folders; // folders as teams have them
mod front_door; // targets, headers, static files and CORS as clients of WireMock expect them
mod gap; // how far the mock is from the service
mod gap_report; // what its report says beside the numbers
mod hostile; // one call, one file or one client against all others
mod http; // framing, limits, shutdown
mod import; // what other tools measured, as a profile
mod imports; // who may import whom
mod journal; // what came, scenarios, files
mod library; // mocks in Rust tests
mod near_misses; // the nearest stubs, as WireMock ranks and shows them
mod operations; // which calls are of one kind
mod operator; // logs, probes and refusals as an operator sees them
mod process; // the binary as a process
mod profiles; // queues, seen from outside
mod protocols; // HTTP/2 and TLS
mod proxy; // stubs that a real service answers for
mod record; // a real service behind the recorder
mod reload; // stub files that change while they are served
mod replay; // a tape's calls again, and the rules that protect a target
mod serve; // the README's examples, and what stubs answer
mod sources; // descriptions and recordings of other tools, as stubs
mod spans; // OpenTelemetry spans, as a collector receives them
mod streams; // bodies in chunks with delays
mod support; // a server on a free port, and raw sockets
mod tape; // captures, logs and spans of others, as tapes
mod templates; // answers that are made for each call
mod webhooks; // requests that stubs send after their answers
mod websockets; // channels, message stubs, their journal
mod wiremock_admin; // what clients of WireMock read from the admin API
