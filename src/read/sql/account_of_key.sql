-- The account that a key opens. $1 SHA-256 of the key. Index: api_key_hashes_are_unique.
select k.account, a.livemode
  from calmony.api_key k
  join calmony.account a on a.id = k.account
 where k.hash = $1
