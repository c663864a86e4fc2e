//! `standin demo`: a toy service with a real queue, and calls to it, to try `record`, `fit` and
//! `gap` without a service of one's own.

mod calls;
mod service;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use clap::Args;

use self::calls::CallPlan;
use self::service::{DemoService, WORK};
use super::{DurationArg, Exit, Failure, print_line, print_ready};

/// Run a toy service with a real queue, to try `record`, `fit` and `gap` on it
///
/// Its workers take calls in the order in which they come, and each call keeps a worker for its
/// time: `GET /items/NUMBER` for `--demand`, `POST /orders` for twice as long, `GET /search?q=TEXT`
/// for three times as long, each up to 30 % shorter or longer. Nothing is computed meanwhile, so
/// that the service is as fast on a busy machine. It runs until it is interrupted.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Address of the service; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    listen: SocketAddr,

    /// Number of workers
    #[arg(long, value_name = "N", default_value = "2")]
    workers: NonZeroU16,

    /// Time that a call of an item keeps a worker, in the mean
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(Duration::from_millis(10)))]
    demand: DurationArg,

    /// Send calls in place of serving them: at 20, 40 and 60 % of the capacity of a demo service
    /// with these workers and this demand
    #[arg(long, value_name = "ADDRESS")]
    call: Option<SocketAddr>,

    /// Time for which calls are sent at each of the three rates
    #[arg(long, value_name = "TIME", requires = "call", default_value_t = DurationArg(Duration::from_secs(10)))]
    time: DurationArg,
}

impl DemoArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let demand = self.demand.0;
        if demand < MIN_DEMAND || demand > MAX_DEMAND {
            return Err(Failure::usage("`--demand` is out of range").help("give a time from 1ms to 10s"));
        }
        match self.call {
            Some(address) => self.send_calls(address),
            None => self.serve(),
        }
    }

    fn serve(&self) -> Result<Exit, Failure> {
        let service = DemoService::bind(self.listen, self.workers, self.demand.0)
            .map_err(|error| Failure::broken(format!("cannot listen on {}: {error}", self.listen)))?;
        let address = service.address();
        print_ready(&format!("demo service listens on http://{address}, {} workers", self.workers));
        print_line(&format!("record it:     standin record --target http://{address} --exclusive stubs/demo"));
        let size = format!("--workers {} --demand {}", self.workers, self.demand);
        print_line(&format!("send calls:    standin demo --call 127.0.0.1:8080 {size}"));
        print_line("end recording: Ctrl-C in its terminal; then: standin fit stubs/demo");
        print_line("compare:       standin gap stubs/demo");
        service.run();
        Ok(Exit::Success)
    }

    fn send_calls(&self, address: SocketAddr) -> Result<Exit, Failure> {
        let mean = WORK.iter().map(|work| f64::from(work.factor)).sum::<f64>() / WORK.len() as f64;
        let capacity = f64::from(self.workers.get()) / (self.demand.0.as_secs_f64() * mean);
        let mut failed = 0;
        for share in SHARES {
            let plan = CallPlan { address, per_second: capacity * share, time: self.time.0 };
            print_line(&format!("standin: {:.1} calls/s, {:.0} % of the capacity", plan.per_second, share * 100.0));
            let outcome = plan.send();
            print_line(&format!("  {} answered, {} failed", outcome.answered, outcome.failed));
            failed += outcome.failed;
        }
        if failed > 0 {
            return Err(Failure::check_failed(format!("{failed} calls failed"))
                .help(format!("is a recorder or a demo service listening on {address}?")));
        }
        Ok(Exit::Success)
    }
}

/// Shares of the capacity at which calls are sent.
const SHARES: [f64; 3] = [0.2, 0.4, 0.6];

/// Bounds of the option `--demand`.
const MIN_DEMAND: Duration = Duration::from_millis(1);
const MAX_DEMAND: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples, each in a terminal of its own:
  standin demo
  standin record --target http://127.0.0.1:9090 --exclusive stubs/demo
  standin demo --call 127.0.0.1:8080            # to the recorder; end it with Ctrl-C then
  standin fit stubs/demo
  standin gap stubs/demo";
