-- A claim is deleted by its owner only: it may have expired meanwhile, and another gateway may have claimed the key.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
