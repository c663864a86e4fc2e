//! `standin health`: checks that a server answers, for container health checks.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use super::{Exit, Failure, print_line};

/// Check that a running standin answers; exits 1 if it does not
///
/// For container health checks: the image has no curl. Asks `/__admin/health`.
#[derive(Args, Debug)]
pub(super) struct HealthArgs {
    /// Address of a listener for calls, or for the admin API alone; plain HTTP
    #[arg(default_value = "127.0.0.1:8080")]
    address: SocketAddr,

    /// Time that standin has to answer
    #[arg(long, value_name = "TIME", value_parser = super::parse_time, default_value = "2s")]
    timeout: Duration,
}

impl HealthArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let response = self
            .request_health()
            .map_err(|error| Failure::check_failed(format!("{} does not answer: {error}", self.address)))?;
        if !response.starts_with("HTTP/1.1 200") {
            let status = response.lines().next().unwrap_or("nothing");
            return Err(Failure::check_failed(format!("{} answered `{status}`", self.address))
                .help("is it a standin that this host may ask?"));
        }
        print_line("standin: healthy");
        Ok(Exit::Success)
    }

    fn request_health(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        write!(stream, "GET /__admin/health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
