-- Living objects within a range of ids, newest first. $1 account, $2 and $3 the range without its ends, $4
-- rows. $5 bytes: what is past them comes without its data; the first never is.
-- Index: object_alive.
with found as (
    select id, data, octet_length(data::text) as bytes
      from calmony.object
     where account = $1 and id > $2 and id < $3 and not deleted
     order by id desc
     limit $4
), sized as (
    select *, sum(bytes) over w <= $5 or row_number() over w = 1 as fits
      from found
    window w as (order by id desc rows unbounded preceding)
)
select id::text, case when fits then data::text end
  from sized
 order by id desc
