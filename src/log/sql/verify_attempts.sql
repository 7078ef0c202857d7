-- A portion of the events of one kind of an account's objects, object by object, with what they keep to
-- themselves. $1 account, $2 object and $3 version to go on after, $4 the end of the kind's ids, $5 rows.
-- Index: event_versions_are_unique_in_a_stream.
select stream::text, version, id::text as event, internal::text
  from calmony.event
 where account = $1 and (stream, version) > ($2::text, $3::bigint) and stream < $4::text
 order by stream, version
 limit $5
