//! The lists of devices.

use super::super::paint::{self, BOLD, DIM, Line, YELLOW, paint, spans};
use super::{Failure, device_failure};
use cardwright::device::{Device, DeviceHost, DevicePartition, Obstacle};
use serde_json::json;

/// Shows the devices that can be taken out.
pub(super) fn run(host: &dyn DeviceHost, as_json: bool) -> Result<(), Failure> {
    let devices = removable(host)?;
    if as_json {
        return Ok(paint::json(&json!({ "devices": devices }))?);
    }
    if devices.is_empty() {
        paint::note("no card and no USB disk is in; a loop device is written to where `--to` names it");
    }
    for device in &devices {
        lines(device).into_iter().try_for_each(paint::line)?;
    }
    Ok(())
}

/// Returns the devices that can be taken out, and in which something is.
pub(super) fn removable(host: &dyn DeviceHost) -> Result<Vec<Device>, Failure> {
    let mut devices = host.devices().map_err(device_failure)?;
    devices.retain(|device| device.removable && !device.obstacles.contains(&Obstacle::NoMedium));
    Ok(devices)
}

/// Returns what is said of a device: a line of its own, and one for each of its partitions and obstacles.
pub(super) fn lines(device: &Device) -> Vec<Line> {
    let (size, bus) = (device.size.to_string(), device.bus.name());
    let model = device.model.as_ref().map_or_else(String::new, |model| format!("  {model}"));
    let serial = device.serial.as_ref().map_or_else(String::new, |serial| format!("  {serial}"));
    let head =
        spans![paint(BOLD, device.path.display()), format!("  {size}  {bus}{model}"), paint(DIM, serial)];
    let parts = device.partitions.iter().map(|part| format!("    {}", partition(part, device)).into());
    let nothing = device.partitions.is_empty().then(|| Line::from("    no partitions"));
    let obstacles = device.obstacles.iter().filter(|obstacle| !matches!(obstacle, Obstacle::Mounted { .. }));
    let obstacles = obstacles.map(|obstacle| spans!["    ", paint(YELLOW, obstacle)]);
    [head].into_iter().chain(parts).chain(nothing).chain(obstacles).collect()
}

fn partition(part: &DevicePartition, device: &Device) -> String {
    let name = part.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut words = vec![format!("{name}  {}", part.size)];
    words.extend(part.filesystem.clone());
    words.extend(part.label.as_ref().map(|label| format!("`{label}`")));
    let mounts = device.mounts.iter().filter(|mount| mount.of == part.path);
    words.extend(mounts.map(|mount| format!("mounted at {}", mount.at.display())));
    words.join("  ")
}
