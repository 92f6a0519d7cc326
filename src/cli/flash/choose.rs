//! The choice of the card, which is the one thing in this program that cannot be undone.

use super::super::arguments::FlashArguments;
use super::super::paint::{self, BOLD, YELLOW, paint, spans};
use super::super::person::Person;
use super::{Failure, FlashRun, Job, device_failure, list};
use cardwright::device::{Device, Obstacle};
use cardwright::flash::{self, FlashError};
use cardwright::io::ReadAt;
use cardwright::pipeline::{self, Error};
use cardwright::raspios::CardRecord;
use cardwright::types::{ByteCount, Hint as _};
use std::sync::Arc;

/// The answer to the question for a card.
pub(super) enum Choice {
    /// It may be written over.
    Device(Box<Device>),
    /// Another node comes first.
    Skip,
    /// Enough.
    Quit,
}

/// Refuses a device that nobody may say yes to. What is mounted on it can still be unmounted.
///
/// # Errors
/// The first reason not to write over it.
pub(super) fn refuse(device: &Device, size: ByteCount, arguments: &FlashArguments) -> Result<(), FlashError> {
    let mut device = device.clone();
    device.obstacles.retain(|obstacle| !matches!(obstacle, Obstacle::Mounted { .. }));
    flash::check(&device, size, arguments.yes_really)
}

impl FlashRun<'_> {
    /// Returns the device that a disk is to be written over, which was shown and agreed to.
    pub(super) fn choose(
        &self,
        job: &Job<'_>,
        among_others: bool,
        person: &mut dyn Person,
    ) -> Result<Choice, Failure> {
        loop {
            if among_others {
                let question =
                    format!("Put in the card for {}, then press Enter (s skips it, q ends): ", job.name);
                match person.ask(question.into())?.as_deref() {
                    None | Some("q" | "Q") => return Ok(Choice::Quit),
                    Some("s" | "S") => return Ok(Choice::Skip),
                    Some(_) => {}
                }
            }
            let chosen = self.candidate(job, person).and_then(|device| match device {
                Some(device) => self.agreed(device, job, person),
                None => Ok(None),
            });
            match chosen {
                Ok(Some(device)) => return Ok(Choice::Device(Box::new(device))),
                Ok(None) if among_others => {}
                Ok(None) => {
                    paint::note("nothing was written");
                    return Ok(Choice::Quit);
                }
                // Another card may do better.
                Err(Failure::Work(error)) if among_others && matches!(&*error, Error::Flash(_)) => {
                    paint::error(&error, error.hint().as_deref());
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Returns the device that the arguments name, or that is chosen from a list.
    fn candidate(&self, job: &Job<'_>, person: &mut dyn Person) -> Result<Option<Device>, Failure> {
        if let Some(path) = &self.arguments.to {
            let device = self.host.device(path).map_err(device_failure)?;
            refuse(&device, job.size, self.arguments).map_err(Error::from)?;
            return Ok(Some(device));
        }
        let mut devices = list::removable(self.host)?;
        let fits = |device: &Device| refuse(device, job.size, self.arguments).is_ok();
        let (mut fitting, others): (Vec<_>, Vec<_>) = devices.drain(..).partition(fits);
        for (number, device) in (1..).zip(&fitting) {
            for (line, text) in (0..).zip(list::lines(device)) {
                let number =
                    if line == 0 && fitting.len() > 1 { format!("{number}  ") } else { String::new() };
                paint::note(paint::Line::from(number).and(text));
            }
        }
        match fitting.len() {
            0 => {
                self.explain(&others, job);
                Ok(None)
            }
            1 => Ok(fitting.pop()),
            count => {
                let answer = person.ask(format!("Which one (1 to {count}, nothing for none)? ").into())?;
                let number = answer
                    .and_then(|answer| answer.parse::<usize>().ok())
                    .and_then(|number| number.checked_sub(1));
                Ok(number.filter(|number| *number < count).map(|number| fitting.swap_remove(number)))
            }
        }
    }

    /// Says why none of the devices that are in will do.
    fn explain(&self, others: &[Device], job: &Job<'_>) {
        if others.is_empty() {
            paint::error(
                "no card is in this machine",
                Some(
                    "Put one in, or name a device with `--to`; `cardwright flash --list` shows what is found",
                ),
            );
        }
        for device in others {
            if let Err(error) = refuse(device, job.size, self.arguments) {
                paint::error(&error, error.hint().as_deref());
            }
        }
    }

    /// Shows what will be lost, and returns the device where that is agreed to. Nothing of it is mounted then.
    fn agreed(
        &self,
        device: Device,
        job: &Job<'_>,
        person: &mut dyn Person,
    ) -> Result<Option<Device>, Failure> {
        let arguments = self.arguments;
        let Some(device) = self.unmounted(device, person)? else { return Ok(None) };
        let record = self.record_on(&device)?;
        if let Some(record) = record.as_ref().filter(|record| self.was_written(record)) {
            paint::error(
                format!("{} is the card of {} that was written just now", device.path.display(), record.node),
                Some("Take it out, and put another one in"),
            );
            return Ok(None);
        }
        if arguments.yes {
            return Ok(Some(device));
        }
        if arguments.to.is_some() {
            list::lines(&device).into_iter().for_each(paint::note);
        }
        if let Some(record) = record {
            paint::note(spans![
                "    ",
                paint(YELLOW, format!("it is the card of {} of the cluster {}", record.node, record.cluster))
            ]);
        }
        let question = spans![
            format!("All that is on {} will be lost. Type ", device.path.display()),
            paint(BOLD, job.name),
            " to write it: "
        ];
        let answer = person.ask(question)?;
        Ok((answer.as_deref() == Some(job.name)).then_some(device))
    }

    fn was_written(&self, record: &CardRecord) -> bool {
        self.written.iter().any(|card| (&card.cluster, &card.node) == (&record.cluster, &record.node))
    }

    /// Returns a device without mounts, which are undone where that is wanted.
    fn unmounted(&self, device: Device, person: &mut dyn Person) -> Result<Option<Device>, Failure> {
        if device.mounts.is_empty() {
            return Ok(Some(device));
        }
        let places: Vec<String> = device.mounts.iter().map(|mount| mount.at.display().to_string()).collect();
        let question = format!("{} is mounted at {}. Unmount it?", device.path.display(), places.join(", "));
        let wanted = self.arguments.unmount
            || (!self.arguments.yes && person.is_there() && person.agrees(question.into())?);
        if !wanted {
            flash::check(&device, ByteCount::ZERO, self.arguments.yes_really).map_err(Error::from)?;
            return Ok(None);
        }
        self.host.unmount(&device).map_err(device_failure)?;
        let device = self.host.device(&device.path).map_err(device_failure)?;
        flash::check(&device, ByteCount::ZERO, self.arguments.yes_really).map_err(Error::from)?;
        Ok(Some(device))
    }

    /// Returns whose card is in, where this program made it. The device is free, or the error says what uses it.
    pub(super) fn record_on(&self, device: &Device) -> Result<Option<CardRecord>, Failure> {
        let open = self.host.open(device).map_err(device_failure)?;
        let disk: Arc<dyn ReadAt> = Arc::new(open);
        Ok(pipeline::card_record(disk))
    }
}
