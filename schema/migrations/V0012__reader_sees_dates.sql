-- What `calmony doctor` looks at: until when a rolled secret's predecessor signs, which migrations have been applied, and whether
-- attempts have come to the partition for days that have none. None of it holds a secret.
grant select (account, endpoint, version, created_at, previous_until) on calmony.endpoint_secret to calmony_reader;
grant select on calmony.attempt_default to calmony_reader;
grant select on calmony.migration to calmony_api, calmony_reader, calmony_worker;
