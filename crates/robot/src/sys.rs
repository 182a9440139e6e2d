//! The few calls of the operating system that the standard library does not offer: signals to a
//! process group, users by name, the host's name. The only file of the crate with unsafe code.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

/// A user of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// The effective user id of this process.
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends `signal` to every process of the group. An empty group is no error.
pub(crate) fn signal_group(group: u32, signal: i32) -> io::Result<()> {
    // 0 and 1 would mean our own group and everything we may reach.
    let group = match i32::try_from(group) {
        Ok(group) if group > 1 => group,
        _ => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    send(-group, signal)
}

/// Sends `signal` to one process. A process that is gone is no error.
pub(crate) fn signal_process(pid: u32, signal: i32) -> io::Result<()> {
    match i32::try_from(pid) {
        Ok(pid) if pid > 1 => send(pid, signal),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

fn send(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two integers; the callers exclude the targets 0, 1 and -1.
    if unsafe { libc::kill(target, signal) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        gone if gone.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// Looks a user up by name; `None` when there is none.
pub(crate) fn user_by_name(name: &str) -> Option<User> {
    let name = CString::new(name).ok()?;
    lookup(|entry, buffer, length, found| {
        // SAFETY: all pointers are valid for the call; see `lookup`.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found) }
    })
}

/// Looks a user up by id; `None` when there is none.
pub(crate) fn user_by_id(uid: u32) -> Option<User> {
    lookup(|entry, buffer, length, found| {
        // SAFETY: all pointers are valid for the call; see `lookup`.
        unsafe { libc::getpwuid_r(uid, entry, buffer, length, found) }
    })
}

fn lookup(call: impl Fn(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> i32) -> Option<User> {
    let mut size = 4096;
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut buffer: Vec<libc::c_char> = vec![0; size];
        let mut found = std::ptr::null_mut();
        match call(entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &mut found) {
            0 if found.is_null() => return None,
            0 => {
                // SAFETY: the call succeeded and found something, so it filled the entry; its
                // name points into `buffer`, which lives until the copy is made.
                let (entry, name) = unsafe {
                    let entry = entry.assume_init();
                    (entry, CStr::from_ptr(entry.pw_name))
                };
                return Some(User { name: name.to_string_lossy().into_owned(), uid: entry.pw_uid, gid: entry.pw_gid });
            }
            libc::ERANGE if size < 1 << 20 => size *= 2,
            _ => return None,
        }
    }
}

/// The host's name, `localhost` when the system does not tell.
pub(crate) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is valid for its length; one byte is kept for the final zero.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer).unwrap_or_default().to_string_lossy();
    if result != 0 || name.is_empty() { "localhost".into() } else { name.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_both_ways() {
        let root = user_by_id(0).unwrap();
        assert_eq!(user_by_name(&root.name).unwrap(), root);
        assert_eq!(user_by_name("no such user here"), None);
        assert_eq!(user_by_name("a\0b"), None);
    }

    #[test]
    fn dangerous_signal_targets_are_refused() {
        for target in [0, 1, u32::MAX] {
            assert!(signal_group(target, 0).is_err());
            assert!(signal_process(target, 0).is_err());
        }
        assert!(!host_name().is_empty());
    }
}
