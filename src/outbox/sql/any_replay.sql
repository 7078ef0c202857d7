-- Whether any replay runs: an idle worker asks this and nothing more. Index: replay_running.
select exists (select from calmony.replay where status = 'running') as runs
