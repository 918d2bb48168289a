<?php
return ['paths' => [__DIR__], 'compiled' => dirname(__DIR__) . '/storage'];
