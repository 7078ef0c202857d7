-- The next objects that the log speaks of. $1 account and $2 object to go on after, $3 rows.
-- Index: event_versions_are_unique_in_a_stream.
select account, stream::text
  from calmony.event
 where (account, stream) > ($1::bigint, $2::text) and version = 1
 order by account, stream
 limit $3
