-- Living objects that belong to an object, within a range of ids and in either direction. $1 account, $2 and
-- $3 the range without its ends, $4 rows. $5 bytes: past them a row comes without its data; the first row
-- has it always. $6 the owner. $7 fields that they have and their values, as JSON, or null.
-- Index: object_owned.
with found as (
    select id, data, octet_length(data::text) as bytes
      from calmony.object
     where account = $1 and owner = $6 and id > $2 and id < $3 and not deleted
       and ($7::text is null or data::jsonb @> $7::text::jsonb)
     order by id :direction
     limit $4
), sized as (
    select *, sum(bytes) over w <= $5 or row_number() over w = 1 as fits
      from found
    window w as (order by id :direction rows unbounded preceding)
)
select id::text, case when fits then data::text end as data
  from sized
 order by id :direction
