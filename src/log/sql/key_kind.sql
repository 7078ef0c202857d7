-- The mode of a key, and true if it only reads. $1 its number.
select a.livemode, k.readonly
  from calmony.api_key k
  join calmony.account a on a.id = k.account
 where k.id = $1 and k.revoked_at is null
