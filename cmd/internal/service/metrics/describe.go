package metrics

import "github.com/prometheus/client_golang/prometheus"

// Labels of metrics.
var (
	ofAccount     = []string{"job", "account", "destination"}
	ofJob         = []string{"job", "destination"}
	ofDestination = []string{"destination"}
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("slotfs_"+name, help, labels, nil)
}

// What is shown.
var (
	buildInfo = describe("build_info", "1, with the program's version.", "version")
	mountUp   = describe("mount_up", "Whether the file system is mounted by this process.")
	alarms    = describe("alarms", "What is wrong, by event.", "event")
	unheard   = describe("notify_consecutive_failures", "Deliveries of a notifier that failed in a row.", "notify")

	backupSuccess  = describe("backup_last_success_timestamp_seconds", "When the newest good backup of an account ended.", ofAccount...)
	backupEnd      = describe("backup_last_end_timestamp_seconds", "When the last backup of an account ended, good or not.", ofAccount...)
	backupFailing  = describe("backup_failing", "Whether the last backup of an account failed.", ofAccount...)
	backupLess     = describe("backup_partial", "Whether the last backup of an account was done with less.", ofAccount...)
	backupDuration = describe("backup_duration_seconds", "How long the last backup of an account took.", ofAccount...)
	backupFiles    = describe("backup_files", "Files in the last backup of an account.", ofAccount...)
	backupBytes    = describe("backup_bytes", "Bytes in the last backup of an account.", ofAccount...)
	backupSent     = describe("backup_sent_bytes", "Bytes that were sent for the last backup of an account.", ofAccount...)
	backupCopied   = describe("backup_copied_files", "Files that the server copied or linked for the last backup of an account.", ofAccount...)
	backups        = describe("backups_total", "Backups of accounts, by result.", "job", "result")

	runSuccess  = describe("job_last_success_timestamp_seconds", "When the newest good backup of any account of a job ended.", ofJob...)
	runEnd      = describe("job_last_run_timestamp_seconds", "When the last run of a job over all its accounts ended.", ofJob...)
	runDuration = describe("job_run_duration_seconds", "How long the last run of a job over all its accounts took.", ofJob...)
	runs        = describe("job_runs_total", "Runs of a job over all its accounts, by result.", "job", "result")

	passSuccess  = describe("pass_last_success_timestamp_seconds", "When the last good index pass over a destination ended.", ofDestination...)
	passFailing  = describe("pass_failing", "Whether the last index pass over a destination failed.", ofDestination...)
	passDuration = describe("pass_duration_seconds", "How long the last index pass over a destination took.", ofDestination...)
	passRead     = describe("pass_read_backups", "Backups that the last index pass over a destination read.", ofDestination...)
	passUnread   = describe("pass_unreadable_backups", "Backups that the last index pass over a destination could not read.", ofDestination...)
	passes       = describe("passes_total", "Index passes over a destination, by result.", "destination", "result")

	differences = describe("verify_differences", "Differences between slots and manifests that the last verification of an account found.", ofAccount...)

	verifyEnd    = describe("verify_last_end_timestamp_seconds", "When the last verification of backups on a destination ended.", ofDestination...)
	verifyOldest = describe("verify_oldest_read_timestamp_seconds",
		"When those backups on a destination were read and compared last that were not for longest.", ofDestination...)
	scrubShare   = describe("scrub_share_per_day", "Share of a destination's bytes that is to be verified each day.", ofDestination...)
	goneAccounts = describe("job_gone_accounts", "Accounts with backups that the runs of a job find no more.", ofJob...)

	destinationSuccess = describe("destination_last_success_timestamp_seconds", "When the newest good backup on a destination was written.", ofDestination...)
	snapshots          = describe("snapshots", "Snapshots in the index, by status.", "destination", "status")
	slots              = describe("slots", "Slots in the index, by phase.", "destination", "phase")
	accounts           = describe("accounts", "Accounts with snapshots in the index.", ofDestination...)
	freeBytes          = describe("destination_free_bytes", "Room that is left on a destination.", ofDestination...)
	sizeBytes          = describe("destination_size_bytes", "Size of a destination's file system.", ofDestination...)
	up                 = describe("destination_up", "Whether this process reached a destination when it looked last.", ofDestination...)
	connections        = describe("destination_connections", "Connections to a destination that are open.", ofDestination...)
	retries            = describe("destination_retries_total", "Attempts to connect to a destination again.", ofDestination...)
	roundTrip          = describe("destination_round_trip_seconds", "Time of a request to a destination and its answer.", ofDestination...)

	indexSnapshots   = describe("index_snapshots", "Snapshots in the index.")
	indexDirectories = describe("index_directories", "Directories in the index, each kept once.")
	indexPoints      = describe("index_seek_points", "Seek points in the index.")
	indexBytes       = describe("index_bytes", "Size of the index on the local disk.")

	cacheBytes  = describe("cache_bytes", "Size of the cache on the local disk.")
	cacheLimit  = describe("cache_limit_bytes", "Most that the cache may take.")
	cacheHits   = describe("cache_hits_total", "Blocks that were read from the cache.")
	cacheMisses = describe("cache_misses_total", "Blocks that were read from destinations.")
)
