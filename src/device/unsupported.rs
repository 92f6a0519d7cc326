//! A system on which cards are not written.

use super::{Device, DeviceError, DeviceHost, OpenDevice};
use std::path::Path;

/// A system whose disks are left alone.
pub(super) struct UnsupportedHost;

impl DeviceHost for UnsupportedHost {
    fn devices(&self) -> Result<Vec<Device>, DeviceError> {
        Err(DeviceError::Unsupported)
    }

    fn device(&self, _path: &Path) -> Result<Device, DeviceError> {
        Err(DeviceError::Unsupported)
    }

    fn unmount(&self, _device: &Device) -> Result<(), DeviceError> {
        Err(DeviceError::Unsupported)
    }

    fn open(&self, _device: &Device) -> Result<Box<dyn OpenDevice>, DeviceError> {
        Err(DeviceError::Unsupported)
    }

    fn read_table(&self, _device: &Device) {}
}
