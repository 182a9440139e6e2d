//! A disk that fails on demand: a layer over SQLite's own file access.
//!
//! It becomes the default of the process, finds the files of a test by their
//! path, counts and fails their syncs, and refuses writes as a full disk does.
//! Files of tests that never ask for it pass through untouched.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, LazyLock, Mutex, Once};

use rusqlite::ffi;

/// What shall happen to one database's files.
#[derive(Default)]
pub struct Disk {
    /// Syncs asked for, of the log and of the database file.
    pub log_syncs: AtomicU64,
    pub file_syncs: AtomicU64,
    /// Fail them from now on.
    pub fail_log_syncs: AtomicBool,
    pub fail_file_syncs: AtomicBool,
    /// Refuse writes that make the log longer, as without space.
    pub full: AtomicBool,
    /// Fail all writes as a broken disk does.
    pub broken: AtomicBool,
    /// While set, syncs of the log wait.
    held: Mutex<bool>,
    changed: Condvar,
    /// Syncs waiting now.
    pub waiting: AtomicI64,
}

impl Disk {
    /// The disk of the database at this path, for the whole process.
    pub fn of(path: impl AsRef<Path>) -> Arc<Disk> {
        install();
        let key = path.as_ref().to_string_lossy().into_owned();
        Arc::clone(DISKS.lock().unwrap().entry(key).or_default())
    }

    /// Makes syncs of the log wait until released.
    pub fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    pub fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.changed.notify_all();
    }

    fn sync(&self, log: bool) -> bool {
        if !log {
            self.file_syncs.fetch_add(1, SeqCst);
            return !self.fail_file_syncs.load(SeqCst);
        }
        self.log_syncs.fetch_add(1, SeqCst);
        let mut held = self.held.lock().unwrap();
        self.waiting.fetch_add(1, SeqCst);
        while *held {
            held = self.changed.wait(held).unwrap();
        }
        self.waiting.fetch_sub(1, SeqCst);
        !self.fail_log_syncs.load(SeqCst)
    }
}

static DISKS: LazyLock<Mutex<HashMap<String, Arc<Disk>>>> = LazyLock::new(Mutex::default);

/// What is known of an open file.
#[derive(Clone)]
struct File {
    disk: Arc<Disk>,
    log: bool,
    own: usize,
}

static FILES: LazyLock<Mutex<HashMap<usize, File>>> = LazyLock::new(Mutex::default);
/// SQLite's method tables and our copies of them.
static METHODS: LazyLock<Mutex<HashMap<usize, usize>>> = LazyLock::new(Mutex::default);
static OWN: AtomicU64 = AtomicU64::new(0);

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default layer lives for the process; our copy is leaked and
        // so does too. Only the name and the opening function differ.
        unsafe {
            let own = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!own.is_null());
            OWN.store(own as u64, SeqCst);
            let mut layer = *own;
            layer.zName = c"failing".as_ptr();
            layer.pNext = std::ptr::null_mut();
            layer.xOpen = Some(open);
            let layer = Box::into_raw(Box::new(layer));
            assert_eq!(ffi::sqlite3_vfs_register(layer, 1), ffi::SQLITE_OK);
        }
    });
}

fn own_vfs() -> *mut ffi::sqlite3_vfs {
    OWN.load(SeqCst) as *mut ffi::sqlite3_vfs
}

/// The disk and whether the file is the log.
fn find(name: *const c_char) -> Option<(Arc<Disk>, bool)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite passes a path that ends with NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    let (base, log) = match name.strip_suffix("-wal") {
        Some(base) => (base, true),
        None => (name, false),
    };
    let disks = DISKS.lock().unwrap();
    Some((Arc::clone(disks.get(base)?), log))
}

unsafe extern "C" fn open(
    layer: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: passes SQLite's arguments on; the file's table is replaced by a
    // leaked copy of the same layout.
    unsafe {
        let result = (*own_vfs()).xOpen.unwrap()(layer, name, file, flags, out);
        if result == ffi::SQLITE_OK
            && !(*file).pMethods.is_null()
            && let Some((disk, log)) = find(name)
        {
            let own = (*file).pMethods as usize;
            FILES.lock().unwrap().insert(file as usize, File { disk, log, own });
            (*file).pMethods = patched(own);
        }
        result
    }
}

fn patched(own: usize) -> *const ffi::sqlite3_io_methods {
    let mut tables = METHODS.lock().unwrap();
    let copy = tables.entry(own).or_insert_with(|| {
        // SAFETY: `own` is one of SQLite's static tables.
        let mut table = unsafe { *(own as *const ffi::sqlite3_io_methods) };
        table.xClose = Some(close);
        table.xWrite = Some(write);
        table.xSync = Some(sync);
        Box::into_raw(Box::new(table)) as usize
    });
    *copy as *const ffi::sqlite3_io_methods
}

fn known(file: *mut ffi::sqlite3_file) -> File {
    FILES.lock().unwrap()[&(file as usize)].clone()
}

fn own_methods(file: &File) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: one of SQLite's static tables.
    unsafe { &*(file.own as *const ffi::sqlite3_io_methods) }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let entry = FILES.lock().unwrap().remove(&(file as usize)).unwrap();
    // SAFETY: passes SQLite's argument on.
    unsafe { own_methods(&entry).xClose.unwrap()(file) }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, length: c_int, at: i64) -> c_int {
    let entry = known(file);
    let own = own_methods(&entry);
    if entry.disk.broken.load(SeqCst) {
        return ffi::SQLITE_IOERR_WRITE;
    }
    // SAFETY: passes SQLite's arguments on.
    unsafe {
        if entry.disk.full.load(SeqCst) && entry.log {
            let mut size = 0;
            own.xFileSize.unwrap()(file, &mut size);
            if at + i64::from(length) > size {
                return ffi::SQLITE_FULL;
            }
        }
        own.xWrite.unwrap()(file, data, length, at)
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let entry = known(file);
    if !entry.disk.sync(entry.log) {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    // SAFETY: passes SQLite's arguments on.
    unsafe { own_methods(&entry).xSync.unwrap()(file, flags) }
}
