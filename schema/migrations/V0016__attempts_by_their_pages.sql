-- The dashboard reads the end of a day's attempts by the pages' numbers (src/read/sql/overview_attempts.sql), which costs the same however
-- many there were; what this index had not yet summarised was looked at whole.
drop index calmony.attempt_started;
