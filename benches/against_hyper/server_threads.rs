//! The floor of lateness: a blocking thread a connection, which sleeps by a timerfd of its own.
//!
//! No call waits for another's turn here, so what is late is late because the machine gave the
//! thread no CPU. What a server with an event loop adds to that is its own.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::server_hyper::{self, BODY};

/// Serves until the process is killed.
pub fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    server_hyper::announce(listener.local_addr()?, "blocking threads");
    for stream in listener.incoming() {
        let stream = stream?;
        // a client that breaks off is no news for a floor
        thread::Builder::new().stack_size(128 * 1024).spawn(move || answer_all(stream))?;
    }
    Ok(())
}

fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmatched-stub-id: 00000000-0000-4000-8000-000000000000\r\n\
         content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let mut calls = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    loop {
        let mut delay = Duration::ZERO;
        loop {
            line.clear();
            if calls.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some((micros, _)) = line.strip_prefix("GET /after/").and_then(|rest| rest.split_once(' ')) {
                delay = Duration::from_micros(micros.parse().unwrap_or(0));
            }
            if line == "\r\n" {
                break;
            }
        }
        if !delay.is_zero() {
            let it_value = Timespec::try_from(delay).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
            rustix::io::read(&timer, &mut [0; 8])?;
        }
        stream.write_all(reply.as_bytes())?;
    }
}
