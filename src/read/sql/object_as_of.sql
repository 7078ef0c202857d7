-- An object as it was before an instant: as its last event until then left it. $1 account, $2 id, $3 instant.
-- Index: event_versions_are_unique_in_a_stream.
select stream::text as id, data::text, deleted
  from calmony.event
 where account = $1 and stream = $2::text and created_at < $3
 order by version desc
 limit 1
