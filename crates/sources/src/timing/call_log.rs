//! Tapes of access logs and spans: calls sorted by arrival, the resolution of their times found,
//! and stamps that are too coarse spread over their unit.

use std::io;
use std::mem;

use super::arrival_order::ArrivalOrder;
use super::left_out::LeftOut;
use super::resolution::ResolutionMeter;
use super::tape_file::{TapeFile, TapeOptions, WrittenTape};
use super::timed_call::TimedCall;

/// The calls of a log on their way to a tape.
pub struct CallLog {
    options: TapeOptions,
    /// Resolution that the form of the times implies; `None` before the first call.
    origin: Option<LogOrigin>,
    order: ArrivalOrder,
    stamps: ResolutionMeter,
    durations: ResolutionMeter,
    /// Calls of one coarse stamp, which wait for the last of them.
    same_stamp: Vec<TimedCall>,
    coarse_stamp: u64,
    tape: Option<TapeFile>,
    failed: Option<io::Error>,
    /// Records that were left out.
    pub left_out: LeftOut,
    /// Number of calls taken.
    pub count: u64,
    /// Share of the calls that the source says it has, if it is a sample.
    pub sampled: Option<f64>,
    /// True if a call has a path template and no path.
    pub has_path_templates: bool,
}

/// Properties of a log's times that its form implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOrigin {
    /// Coarsest resolution of the stamps that their form allows, in nanoseconds.
    pub stamp_resolution: u64,
    /// Coarsest resolution of the durations, in nanoseconds.
    pub duration_resolution: u64,
}

impl CallLog {
    /// Creates a log that goes to a tape.
    pub fn new(options: TapeOptions) -> Self {
        Self {
            options,
            origin: None,
            order: ArrivalOrder::default(),
            stamps: ResolutionMeter::default(),
            durations: ResolutionMeter::default(),
            same_stamp: Vec::new(),
            coarse_stamp: 0,
            tape: None,
            failed: None,
            left_out: LeftOut::default(),
            count: 0,
            sampled: None,
            has_path_templates: false,
        }
    }

    /// Names the kind of the source, before the first call.
    pub fn set_kind(&mut self, kind: String) {
        self.options.head.source.get_or_insert_default().kind = kind;
    }

    /// Removes what was written of the tape, as nothing is to be made of the source.
    pub fn discard(self) {
        if let Some(tape) = self.tape {
            tape.discard();
        }
    }

    /// Notes what the form of the next call says about its times. The finest form counts, as some
    /// programs leave out zeros at the end of a fraction.
    pub fn set_origin(&mut self, origin: LogOrigin) {
        let known = self.origin.unwrap_or(origin);
        self.origin = Some(LogOrigin {
            stamp_resolution: known.stamp_resolution.min(origin.stamp_resolution),
            duration_resolution: known.duration_resolution.min(origin.duration_resolution),
        });
    }

    fn stamp_resolution(&self) -> u64 {
        self.origin.map_or(1, |origin| origin.stamp_resolution)
    }

    /// Adds a call whose stamp in the source is `stamp`, and whose duration there is `duration`,
    /// both in nanoseconds.
    pub fn add(&mut self, call: TimedCall, stamp: u64, duration: u64) {
        self.count += 1;
        self.stamps.add(stamp);
        self.durations.add(duration);
        if self.stamp_resolution() < SPREAD_RESOLUTION_NANOS {
            self.push(call);
            return;
        }
        if stamp != self.coarse_stamp || self.same_stamp.len() >= MAX_SAME_STAMP {
            self.spread();
            self.coarse_stamp = stamp;
        }
        self.same_stamp.push(call);
    }

    /// Ends the log, and its tape. `None` if there was no call.
    pub fn finish(mut self) -> io::Result<Option<WrittenTape>> {
        self.spread();
        while let Some(call) = self.order.pop() {
            self.write(call);
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(tape) = self.tape else { return Ok(None) };
        tape.finish(0).map(Some)
    }

    /// Spreads the calls of one coarse stamp over its unit, in their order.
    fn spread(&mut self) {
        let calls = mem::take(&mut self.same_stamp);
        let unit = self.stamp_resolution();
        // whole seconds are rounded down
        let step = unit / (calls.len() as u64).max(1);
        for (number, mut call) in (0u64..).zip(calls) {
            let shift = step * number + step / 2;
            call.sent += shift;
            for time in call.first_byte.iter_mut().chain(&mut call.last_byte) {
                *time += shift;
            }
            self.push(call);
        }
    }

    fn push(&mut self, call: TimedCall) {
        if let Some(call) = self.order.push(call) {
            self.write(call);
        }
    }

    fn write(&mut self, call: TimedCall) {
        if self.failed.is_some() {
            return;
        }
        let written = match &mut self.tape {
            Some(tape) => tape.write(call),
            None => self.create(call.sent).and_then(|mut tape| {
                let written = tape.write(call);
                self.tape = Some(tape);
                written
            }),
        };
        self.failed = written.err();
    }

    /// Creates the tape with the first call that is written, whose arrival is `start`. The calls
    /// that wait behind it tell the resolution.
    fn create(&mut self, start: u64) -> io::Result<TapeFile> {
        let mut options = mem::take(&mut self.options);
        let source = options.head.source.get_or_insert_default();
        if let Some(origin) = self.origin {
            source.stamp_resolution = self.stamps.resolution(origin.stamp_resolution);
            source.duration_resolution = self.durations.resolution(origin.duration_resolution);
        }
        source.sampled = self.sampled;
        source.path_templates = self.has_path_templates;
        // a sample is not all of the traffic
        options.head.exclusive &= self.sampled.is_none();
        TapeFile::create(options, start)
    }
}

/// Resolution from which on stamps are spread, in nanoseconds: calls that share a stamp would seem
/// to arrive at once.
const SPREAD_RESOLUTION_NANOS: u64 = 100_000_000;
/// Calls of one stamp that are spread together.
const MAX_SAME_STAMP: usize = 65_536;
