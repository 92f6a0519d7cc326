//! The log on standard error that `-v` switches on: what may be ignored, and what saves work.

#[cfg(feature = "progress")]
use super::bar::write_above;
#[cfg(not(feature = "progress"))]
use super::no_bar::write_above;
use super::paint::{CYAN, DIM, Line, Span, note, paint, spans};
use std::io;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;

/// Shows the events of this crate on standard error from now on: with `-v` down to debug, with `-vv` all of them.
pub(super) fn show(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    if tracing::subscriber::set_global_default(subscriber(level, Events)).is_err() {
        note("the log cannot be shown: another one is in its place");
    }
}

fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_ansi(false).without_time().with_level(false).with_target(false);
    let filter = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    tracing_subscriber::registry().with(layer.with_writer(writer).with_filter(filter))
}

/// Makes a [`Line`] of each event: the subscriber only knows bytes, and no styles of ours.
struct Events;

/// One event on its way to standard error, and the beginning of its line.
struct Event(Vec<Span>);

impl<'writer> MakeWriter<'writer> for Events {
    type Writer = Event;

    fn make_writer(&'writer self) -> Event {
        Event(Vec::new())
    }

    fn make_writer_for(&'writer self, event: &Metadata<'_>) -> Event {
        let word = if *event.level() == Level::TRACE { paint(DIM, "trace:") } else { paint(CYAN, "debug:") };
        let module = event.target().trim_start_matches(env!("CARGO_CRATE_NAME")).trim_start_matches("::");
        Event(vec![word, " ".into(), paint(DIM, module), " ".into()])
    }
}

impl io::Write for Event {
    /// Takes a whole event: the subscriber hands it over at once.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = Line::of(self.0.drain(..)).and(spans![text.trim_end()]);
        write_above(|| note(line));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, event: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(event);
            Ok(event.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_events_of_this_crate_down_to_the_level_are_shown() {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&shown);
        tracing::subscriber::with_default(
            subscriber(Level::DEBUG, move || Kept(Arc::clone(&events))),
            || {
                tracing::debug!(count = 3, "a cache was hit");
                tracing::trace!("a detail");
                tracing::debug!(target: "ureq", "of another crate");
            },
        );
        assert_eq!(String::from_utf8_lossy(&shown.lock().unwrap()), "a cache was hit count=3\n");
    }
}
