//! Numbers of the error envelope's `errorCode`. Names and order are the published ones; most numbers follow
//! from their position between the few that are known for certain.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => { $($(#[$doc])* pub const $name: i32 = $number;)* };
}

codes! {
    /// The request is wrong in some way.
    INVALID_REQUEST = 1000;
    /// The name is taken.
    NAME_ALREADY_USED = 1001;
    /// No such thing in this place.
    ITEM_NOT_FOUND = 1002;
    /// A secret could not be sealed.
    STRING_PROTECT_FAILED = 1003;
    /// The thing exists already.
    ITEM_ALREADY_EXISTS = 1004;
    /// Could not be deleted.
    ERROR_DELETING = 1005;
    /// Could not be changed.
    ERROR_UPDATING = 1007;
    /// A mail could not be sent.
    ERROR_SENDING_EMAIL = 1008;
    /// An argument is wrong.
    INVALID_ARGUMENT = 1009;
    /// Other things depend on it.
    HAS_DEPENDENT_ITEMS = 1012;
    /// It is in use.
    ITEM_IS_IN_USE = 1013;
    /// A parameter is missing.
    PARAMETER_MISSING = 1014;
    /// The reference is taken in a queue with unique references.
    DUPLICATE_REFERENCE = 1016;
    /// Not allowed here.
    FORBIDDEN_OPERATION = 1017;
    /// The account is not usable.
    INVALID_USER = 1018;
    /// The feature is switched off.
    FEATURE_DISABLED = 1019;
    /// Somebody else changed it meanwhile.
    OPTIMISTIC_CONCURRENCY = 1020;
    /// The field cannot be edited.
    FIELD_NOT_EDITABLE = 1023;
    /// Not available at present.
    SERVICE_UNAVAILABLE = 1024;
    /// The folder is unknown or not the caller's.
    INVALID_ORGANIZATION_UNIT = 1100;
    /// The operation needs a folder.
    REQUIRED_ORGANIZATION_UNIT = 1101;
    /// The folder cannot be edited so.
    ORGANIZATION_UNIT_NOT_EDITABLE = 1102;
    /// A permission list of a request across folders is not supported.
    INVALID_PERMISSION_IN_CROSS_FOLDER_REQUEST = 1105;
    /// A permission on the resource is missing.
    REQUIRED_PERMISSIONS = 1108;
    /// The machine key is unknown.
    INVALID_MACHINE_KEY = 1204;
    /// The robot runs a job.
    CANNOT_DELETE_BUSY_ROBOT = 1207;
    /// The robot runs a job.
    CANNOT_UPDATE_BUSY_ROBOT = 1210;
    /// A slot count is wrong.
    INVALID_SLOTS = 1239;
    /// The caller has no unattended robot.
    USER_DOES_NOT_HAVE_ROBOT = 1230;
    /// The robot is switched off.
    ROBOT_DISABLED = 1231;
    /// Robots of the classic kind cannot be made.
    CANNOT_CREATE_CLASSIC = 1106;
    /// The host's name is not the one of its standard machine.
    MACHINE_PAIRED_OTHERWISE = 1201;
    /// A password needs the user name it belongs to.
    USER_NAME_REQUIRED = 1206;
    /// A standard machine keeps its name.
    MACHINE_NAME_CANNOT_CHANGE = 1208;
    /// The machine key is the server's.
    MACHINE_LICENSE_CANNOT_CHANGE = 1209;
    /// A machine keeps its type.
    MACHINE_TYPE_CANNOT_CHANGE = 1211;
    /// Not a user name of an operating system.
    USER_NAME_INVALID = 1212;
    /// A floating robot has no machine of its own.
    CANNOT_ASSIGN_MACHINE_TO_FLOATING_ROBOT = 1214;
    /// A robot keeps its hosting type.
    CANNOT_UPDATE_ROBOT_HOSTING_TYPE = 1215;
    /// The session is in use.
    CANNOT_UPDATE_ACTIVE_SESSION = 1217;
    /// The server looks after machines of this scope.
    MACHINE_SCOPE_PROTECTED = 1227;
    /// A machine keeps its GUID.
    MACHINE_KEY_CANNOT_CHANGE = 1228;
    /// No such session.
    MACHINE_SESSION_NOT_FOUND = 1242;
    /// Triggers run jobs on the machine.
    MACHINE_HAS_ATTACHED_TRIGGERS = 1612;
    /// The machine cannot be taken out of the folder in which it is only inherited.
    MACHINE_FOLDER_CONFLICT = 2831;
    /// Machines of personal workspaces stay there.
    CANNOT_ASSIGN_WORKSPACE_MACHINES = 2833;
    /// No list of robots for a machine that the folder does not have.
    CANNOT_SET_MACHINE_ROBOTS = 2828;
    /// Triggers use the robot on this machine.
    MACHINE_ROBOT_HAS_TRIGGERS = 1610;
    /// A new credential needs a password.
    CREDENTIAL_EMPTY_PASSWORD = 1500;
    /// A new value for a robot needs a password.
    CREDENTIAL_EMPTY_FOR_ROBOT = 1501;
    /// An asset keeps its type.
    ASSET_TYPE_NON_UPDATABLE = 1502;
    /// No value of the asset for this robot.
    ASSET_NOT_AVAILABLE_FOR_ROBOT = 1503;
    /// No asset of that name in the folder.
    ASSET_NOT_FOUND = 1504;
    /// A secret asset needs a value.
    SECRET_EMPTY_VALUE = 1505;
    /// A secret asset needs a value for the account.
    SECRET_EMPTY_VALUE_FOR_USER = 1506;
    /// The package does not say what it must.
    INVALID_PACKAGE_DETAILS = 1654;
    /// The process key is unknown.
    INVALID_PROCESS_KEY = 1656;
    /// Jobs of this type cannot be stopped from here.
    JOB_TYPE_CANNOT_BE_STOPPED = 1657;
    /// The job cannot be cancelled in its state.
    JOB_CANNOT_BE_CANCELLED = 1658;
    /// The job cannot be terminated in its state.
    JOB_CANNOT_BE_TERMINATED = 1659;
    /// No such version of the package.
    VERSION_NOT_FOUND = 1660;
    /// The package is used by processes.
    HAS_ATTACHED_PROCESSES = 1662;
    /// Not a package file.
    INVALID_EXTENSION = 1663;
    /// The upload holds no package.
    INVALID_PACKAGE_COUNT = 1664;
    /// Nothing to roll back to.
    PREVIOUS_VERSION_NOT_FOUND = 1665;
    /// Jobs of it still run.
    HAS_RUNNING_JOBS = 1666;
    /// The jobs exist already.
    PENDING_JOBS_ALREADY_EXIST = 1670;
    /// No robot of that id can take the job.
    INVALID_START_JOB_ROBOT_IDS = 1671;
    /// The release key is unknown.
    INVALID_RELEASE_KEY = 1674;
    /// The package version is wrong.
    INVALID_PACKAGE_VERSION = 1675;
    /// The package is unknown.
    PACKAGE_NOT_FOUND = 1677;
    /// No robot is there.
    NO_ROBOTS_AVAILABLE = 1678;
    /// Key and name name two processes.
    INVALID_RELEASE_KEY_AND_NAME = 1687;
    /// Only an ended job can be started again.
    CANNOT_RESTART_UNFINISHED_JOB = 1697;
    /// A queue with unique references needs one.
    TRANSACTION_REFERENCE_REQUIRED = 1850;
    /// Progress can be told only of an item in progress.
    INVALID_TRANSACTION_PROGRESS_STATUS = 1851;
    /// The item was never started.
    TRANSACTION_NOT_STARTED = 1852;
    /// These options of a queue are fixed at creation.
    QUEUE_DEFINITION_PARAMETERS_CANNOT_CHANGE = 1854;
    /// The item does not fit the queue's schema.
    QUEUE_ITEM_SCHEMA_VIOLATION = 1856;
    /// The schema of the queue is wrong.
    INVALID_QUEUE_SCHEMA_DEFINITION = 1857;
    /// The specific content is too large.
    QUEUE_ITEM_CONTENT_SIZE_EXCEEDED = 1864;
    /// A finished item stays finished.
    QUEUE_ITEM_INVALID_TRANSITION = 1865;
    /// The output is too large.
    QUEUE_ITEM_OUTPUT_SIZE_EXCEEDED = 1867;
    /// The analytics data is too large.
    QUEUE_ITEM_ANALYTICS_SIZE_EXCEEDED = 1868;
    /// A field of the exception is too large.
    QUEUE_EXCEPTION_FIELD_SIZE_EXCEEDED = 1869;
    /// The progress text is too large.
    QUEUE_ITEM_PROGRESS_SIZE_EXCEEDED = 1870;
    /// No such credential store.
    CREDENTIAL_STORE_NOT_FOUND = 2301;
    /// The store could not be read.
    FAILED_TO_READ_CREDENTIAL_STORE = 2304;
    /// No machine of the folder has a runtime for it.
    NO_MACHINE_ASSOCIATED_WITH_FOLDER = 2818;
    /// Files of the bucket cannot be written or deleted. The number, like that of all codes of buckets, is assumed: the
    /// published order has them before those of testing (3201).
    BUCKET_IS_READ_ONLY = 3102;
    /// There is no such bucket here.
    BUCKET_DOES_NOT_EXIST = 3105;
}
